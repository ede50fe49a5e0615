// SPDX-License-Identifier: Apache-2.0
// Asks the ticker.
//   ticker_client                  how often has it ticked?
//   ticker_client MILLISECONDS     tick so often
//   ticker_client --until-gone     wait until it has gone
#include <cstdio>
#include <cstring>
#include <portolan/portolan.hpp>

#include "ticker.hpp"

namespace {

int fail(const portolan::error& failed) {
  std::fprintf(stderr, "client: %s: %s\n", failed.call(), failed.text());
  return 1;
}

int wait_until_gone(portolan::remote_message_port& port) {
  portolan::run_loop loop;
  const auto watched = port.watch(loop, [&] { loop.stop(); });
  if (!watched) return fail(watched.error());
  std::puts("client: waiting");
  std::fflush(stdout);
  loop.run().value();
  std::puts("client: it has gone");
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  using namespace std::chrono_literals;
  auto found = portolan::remote_message_port::look_up(ticker::kService, 5s);
  if (!found) return fail(found.error());
  portolan::remote_message_port port = *std::move(found);

  if (argc > 1 && std::strcmp(argv[1], "--until-gone") == 0) return wait_until_gone(port);
  if (argc > 1) {
    const auto sent = port.send(ticker::kInterval, argv[1], 5s);
    return sent ? 0 : fail(sent.error());
  }
  const auto reply = port.request(ticker::kTicks, "", 5s, 5s);
  if (!reply) return fail(reply.error());
  const std::string_view text = reply.value() ? reply.value()->text() : "no reply";
  std::printf("client: %.*s\n", static_cast<int>(text.size()), text.data());
}
