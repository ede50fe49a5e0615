// SPDX-License-Identifier: Apache-2.0
// What a loading thread does: requests with a reply port of its own, now and then a subscription or a line
// for the browser's log. It keeps nothing: every right and region that a reply brings is released.
#include "renderer/loader.h"

#include <chrono>
#include <cstdio>

#include "ipc/messages.h"
#include "ipc/port.h"

namespace renderer {

namespace {

constexpr mach_msg_timeout_t kPatience = 5000;
constexpr auto kPause = std::chrono::milliseconds(70);
constexpr uint32_t kEvents = 4;

// True: the whole resource came, and is what the browser meant to send.
bool LoadOne(mach_port_t channel, mach_port_t reply_port, uint32_t resource) {
  ipc::Buffer buffer;
  buffer.load = {};
  buffer.header.msgh_bits = MACH_MSGH_BITS(MACH_MSG_TYPE_COPY_SEND, MACH_MSG_TYPE_MAKE_SEND_ONCE);
  buffer.header.msgh_remote_port = channel;
  buffer.header.msgh_id = ipc::kLoad;
  buffer.load.resource = resource;
  buffer.load.bytes = 4096 * (1 + resource % 16);
  const uint32_t bytes = buffer.load.bytes;
  if (ipc::Call(&buffer, sizeof(ipc::LoadRequest), reply_port, kPatience) != KERN_SUCCESS) return false;
  const ipc::LoadReply& reply = buffer.load_reply;
  const bool good = MACH_MSGH_BITS_IS_COMPLEX(buffer.header.msgh_bits) && reply.content.size == bytes &&
                    reply.resource == resource &&
                    reply.checksum == ipc::Checksum(reply.content.address, bytes);
  mach_msg_destroy(&buffer.header);
  return good;
}

// Has some events sent to a port made for them. True: they came, in their order.
bool Subscribe(mach_port_t channel) {
  const mach_port_t sink = ipc::NewPort();
  ipc::SubscribeRequest request = {};
  request.header.msgh_bits = MACH_MSGH_BITS(MACH_MSG_TYPE_COPY_SEND, 0) | MACH_MSGH_BITS_COMPLEX;
  request.header.msgh_remote_port = channel;
  request.header.msgh_id = ipc::kSubscribe;
  request.body.msgh_descriptor_count = 1;
  request.sink = ipc::Right(sink, MACH_MSG_TYPE_MAKE_SEND);
  request.events = kEvents;
  bool good = ipc::Send(&request.header, sizeof request, kPatience) == KERN_SUCCESS;
  for (uint32_t i = 0; good && i < kEvents; i++) {
    ipc::Buffer buffer;
    good = mach_msg(&buffer.header, MACH_RCV_MSG | MACH_RCV_TIMEOUT, 0, sizeof buffer, sink, kPatience,
                    MACH_PORT_NULL) == MACH_MSG_SUCCESS &&
           buffer.header.msgh_id == ipc::kEvent && buffer.event.number == i;
  }
  ipc::DropReceive(sink);
  return good;
}

bool LogToBrowser(mach_port_t channel, uint32_t number, uint32_t round) {
  ipc::LogLine line = {};
  line.header.msgh_bits = MACH_MSGH_BITS(MACH_MSG_TYPE_COPY_SEND, 0);
  line.header.msgh_remote_port = channel;
  line.header.msgh_id = ipc::kLog;
  std::snprintf(line.text, sizeof line.text, "loader %u: round %u", number, round);
  return ipc::Send(&line.header, sizeof line, kPatience) == KERN_SUCCESS;
}

}  // namespace

bool LoadUntil(mach_port_t channel, uint32_t number, base::Flag* quit) {
  const mach_port_t reply_port = ipc::NewPort();
  bool good = true;
  for (uint32_t round = 0; good && !quit->Wait(kPause); round++) {
    good = LoadOne(channel, reply_port, number * 1000 + round);
    if (good && round % 8 == 0) good = LogToBrowser(channel, number, round);
    if (good && round % 8 == 4) good = Subscribe(channel);
  }
  ipc::DropReceive(reply_port);
  return good || quit->IsSet();  // once the browser is on its way out, anything may fail
}

}  // namespace renderer
