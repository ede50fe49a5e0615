// SPDX-License-Identifier: Apache-2.0
// A sensor that sees more than its host can take, in three shapes: two that end badly, and one that does not.
//
//   log_flood [concurrent|serial|bounded] [MILLISECONDS]
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <string>

#include "flood.hpp"
#include "host.hpp"

namespace {

using namespace log_flood;

struct shape {
  const char* name;
  outcome (*run)(const portolan::send_right&, std::chrono::milliseconds);
  const char* fate;
};
constexpr shape kShapes[] = {
    {"concurrent", concurrent, "too many ports"},
    {"serial", serial, "too much memory"},
    {"bounded", bounded, ""},
};

// Returns whether every event is accounted for.
bool try_shape(const shape& tried, std::chrono::milliseconds time) {
  const std::string name = "com.example.log_flood." + std::to_string(getpid()) + "." + tried.name;
  std::fflush(stdout);
  const pid_t child = fork();
  if (child == 0) _exit(run_host(name.c_str()));
  outcome result;
  totals seen = {};
  {
    const portolan::send_right host =
        portolan::bootstrap::look_up(name.c_str(), std::chrono::seconds(10)).value();
    result = tried.run(host, time);
    seen = portolan::call<finished>(host, finish{}, std::chrono::seconds(60)).value().payload;
  }
  int status = 0;
  waitpid(child, &status, 0);
  std::printf("%-10s %9llu events, %9llu arrived, %9llu dropped; at most %6zu ports, %6zu KiB%s%s\n",
              tried.name, static_cast<unsigned long long>(result.events),
              static_cast<unsigned long long>(seen.arrived), static_cast<unsigned long long>(result.dropped),
              result.most_ports, result.most_bytes >> 10, result.gave_up ? ": stopped, " : "",
              result.gave_up ? tried.fate : "");
  return status == 0 && seen.disorders == 0 && seen.arrived + result.dropped == result.events;
}

}  // namespace

int main(int argc, char** argv) {
  const std::string wanted = argc > 1 ? argv[1] : "";
  const long milliseconds = argc > 2 ? std::strtol(argv[2], nullptr, 10) : 1000;
  bool good = true;
  bool known = wanted.empty();
  for (const shape& each : kShapes) {
    if (!wanted.empty() && wanted != each.name) continue;
    known = true;
    good = try_shape(each, std::chrono::milliseconds(milliseconds)) && good;
  }
  if (!known || milliseconds <= 0) {
    std::fputs("usage: log_flood [concurrent|serial|bounded] [MILLISECONDS]\n", stderr);
    return 2;
  }
  if (!good) std::fputs("log_flood: events are missing\n", stderr);
  return good ? 0 : 1;
}
