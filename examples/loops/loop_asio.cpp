// SPDX-License-Identifier: Apache-2.0
// The same service in asio's loop. Needs asio without Boost (Debian: libasio-dev).
#include <portolan/port_fd.h>
#include <unistd.h>

#include <array>
#include <asio.hpp>

#include "loops.h"

namespace {

// A port as asio knows it: a descriptor that becomes readable.
class Port {
 public:
  Port(asio::io_context& loop, mach_port_t port) : descriptor_(loop, portolan_port_fd(port)) {}

  // Calls `handler(port)` whenever there are messages.
  template <class Handler>
  void serve(Handler handler) {
    descriptor_.async_wait(descriptor_.wait_read, [this, handler](std::error_code error) mutable {
      if (error) return;
      for (mach_port_t port; portolan_port_fd_ready(descriptor_.native_handle(), &port) > 0;) handler(port);
      serve(handler);
    });
  }

 private:
  asio::posix::stream_descriptor descriptor_;
};

void wait_for_end(asio::posix::stream_descriptor& input, asio::io_context& loop) {
  static std::array<char, 256> bytes;
  input.async_read_some(asio::buffer(bytes), [&](std::error_code error, size_t) {
    if (error)
      loop.stop();
    else
      wait_for_end(input, loop);
  });
}

}  // namespace

int main() {
  mach_port_t service = MACH_PORT_NULL;
  check(bootstrap_check_in(bootstrap_port, LOOPS_SERVICE, &service), "bootstrap_check_in");
  int answered = 0;
  {
    asio::io_context loop(1);
    Port port(loop, service);
    port.serve([&](mach_port_t ready) { answered += answer_all(ready); });
    asio::posix::stream_descriptor input(loop, dup(STDIN_FILENO));
    wait_for_end(input, loop);
    printf("loop_asio: waiting\n");
    fflush(stdout);
    loop.run();
  }
  printf("loop_asio: %d requests answered\n", answered);
  check(mach_port_mod_refs(mach_task_self(), service, MACH_PORT_RIGHT_RECEIVE, -1), "mach_port_mod_refs");
  return 0;
}
