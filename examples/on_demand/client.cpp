// SPDX-License-Identifier: Apache-2.0
// Asks the echo that launchd starts on demand. A request whose server dies with it in hand is not lost without a
// word: its reply right ends, which the sender is told, and it asks again.
//   on_demand_client [REQUESTS]
#include <cstdio>
#include <cstdlib>
#include <set>

#include "echo.hpp"

int main(int argc, char** argv) {
  using namespace std::chrono_literals;
  const int requests = argc > 1 ? atoi(argv[1]) : 3;
  const auto server = portolan::bootstrap::look_up(echo::kService);
  if (!server) {
    std::fprintf(stderr, "on_demand_client: %s: %s\nIs its job loaded? See examples/README.md.\n",
                 echo::kService, server.error().text());
    return 1;
  }
  int answered = 0, told = 0;
  std::set<int> servers;
  for (int number = 0; number < requests;) {
    const auto reply = portolan::call<echo::said>(*server, echo::say{{number, 0}}, 30s);
    if (reply) {
      answered++;
      servers.insert(reply->payload.pid);
      number++;
    } else if (reply.error() == MIG_SERVER_DIED) {
      told++;
    } else {
      std::fprintf(stderr, "on_demand_client: request %d: %s\n", number, reply.error().text());
      return 1;
    }
  }
  std::printf("client: %d requests answered by %zu processes, %d asked again\n", answered, servers.size(), told);
}
