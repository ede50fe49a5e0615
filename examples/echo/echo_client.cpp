// SPDX-License-Identifier: Apache-2.0
// Has its arguments echoed, one by one, and then tells the server to quit.
#include <cstdio>

#include "echo.hpp"

int main(int argc, char** argv) {
  using namespace std::chrono_literals;
  const portolan::send_right server = portolan::bootstrap::look_up(echo::kService, 5s).value();
  for (int i = 1; i < argc; i++) {
    echo::say request{{}};
    std::snprintf(request.payload.text, sizeof request.payload.text, "%s", argv[i]);
    const auto reply = portolan::call<echo::said>(server, request, 5s);
    if (!reply) {
      std::fprintf(stderr, "client: %s\n", reply.error().text());
      return 1;
    }
    std::printf("client: %.*s\n", static_cast<int>(sizeof reply->payload.text), reply->payload.text);
  }
  portolan::send(server, echo::quit{}, 5s).value();
}
