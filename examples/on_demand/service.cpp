// SPDX-License-Identifier: Apache-2.0
// An echo that launchd starts when somebody has something to say, and that goes when nobody has for a while. Its
// name is declared in its property list, and so outlives it: what arrives after its last look waits at the port,
// and starts the next one.
//   on_demand_service [IDLE-SECONDS]
#include <unistd.h>

#include <cstdio>
#include <cstdlib>

#include "echo.hpp"

int main(int argc, char** argv) {
  const auto idle = std::chrono::milliseconds(argc > 1 ? static_cast<long>(atof(argv[1]) * 1000) : 2000);
  auto port = portolan::bootstrap::check_in(echo::kService);
  if (!port) {
    std::fprintf(stderr, "on_demand_service: %s: %s\n", echo::kService, port.error().text());
    return 1;
  }
  portolan::service server(std::move(port).value());
  int answered = 0;
  server.on([&](echo::say& request) {
    answered++;
    return echo::said{{request.payload.number, getpid()}};
  });
  for (;;) {
    const auto handled = server.run_once(idle);
    if (!handled) return 1;
    if (!handled.value()) break;
  }
  std::printf("service %d: %d answered, and nothing more to do\n", static_cast<int>(getpid()), answered);
}
