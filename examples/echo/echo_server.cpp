// SPDX-License-Identifier: Apache-2.0
// Says everything again, in capitals, until somebody tells it to quit.
#include <cctype>
#include <cstdio>

#include "echo.hpp"

int main() {
  portolan::service server(portolan::bootstrap::check_in(echo::kService).value());
  server.on([](echo::say& request) {
    for (char& each : request.payload.text)
      each = static_cast<char>(std::toupper(static_cast<unsigned char>(each)));
    return echo::said{request.payload};
  });
  server.on([&](const echo::quit&, const portolan::envelope& from) {
    std::printf("server: process %d told me to quit\n", static_cast<int>(from.pid()));
    server.stop();
  });
  server.run().value();
}
