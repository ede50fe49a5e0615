// SPDX-License-Identifier: Apache-2.0
// What a loading thread does: requests, now and then a subscription or a line for the browser's log. It keeps
// nothing.
#include "renderer/loader.h"

#include <chrono>
#include <cstdio>

#include "ipc/messages.h"

namespace renderer {

namespace {

constexpr std::chrono::seconds kPatience{5};
constexpr auto kPause = std::chrono::milliseconds(70);
constexpr uint32_t kEvents = 4;

// True: the whole resource came, and is what the browser meant to send.
bool LoadOne(const portolan::send_right& channel, uint32_t resource) {
  const uint32_t bytes = 4096 * (1 + resource % 16);
  auto loaded = portolan::call<ipc::Loaded>(channel, ipc::Load{{resource, bytes}}, kPatience);
  if (!loaded) return false;
  const auto& [info, content] = *loaded;
  return content.size() == bytes && info.resource == resource &&
         info.checksum == ipc::Checksum(content.bytes());
}

// Has some events sent to a port made for them. True: they came, in their order.
bool Subscribe(const portolan::send_right& channel) {
  const auto sink = portolan::receive_right::allocate().value();
  if (!portolan::send(channel, ipc::Subscribe{{kEvents}, make_send_of(sink)}, kPatience)) return false;
  for (uint32_t i = 0; i < kEvents; i++) {
    const auto event = portolan::receive<ipc::Event>(sink, kPatience);
    if (!event || event->payload.count != i) return false;
  }
  return true;
}

bool LogToBrowser(const portolan::send_right& channel, uint32_t number, uint32_t round) {
  ipc::Log line{{}};
  std::snprintf(line.payload.text, sizeof line.payload.text, "loader %u: round %u", number, round);
  return portolan::send(channel, line, kPatience).has_value();
}

}  // namespace

bool LoadUntil(const portolan::send_right& channel, uint32_t number, base::Flag* quit) {
  bool good = true;
  for (uint32_t round = 0; good && !quit->Wait(kPause); round++) {
    good = LoadOne(channel, number * 1000 + round);
    if (good && round % 8 == 0) good = LogToBrowser(channel, number, round);
    if (good && round % 8 == 4) good = Subscribe(channel);
  }
  return good || quit->IsSet();  // once the browser is on its way out, anything may fail
}

}  // namespace renderer
