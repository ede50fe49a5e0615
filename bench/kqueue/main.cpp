// SPDX-License-Identifier: Apache-2.0
// portolan-bench-kqueue: kevent beside epoll, ports in queues beside blocking receives, and what a knote
// takes.
#include <cstring>

#include "kqueue/bench.hpp"

int main(int argc, char** argv) {
  constexpr struct {
    const char* name;
    void (*run)();
  } kParts[] = {
      {"events", bench::events}, {"wakes", bench::wakes}, {"ports", bench::ports}, {"memory", bench::memory}};
  bool ran = false;
  for (const auto& part : kParts) {
    if (argc > 1 && strcmp(argv[1], part.name) != 0) continue;
    part.run();
    ran = true;
  }
  if (!ran) fprintf(stderr, "usage: portolan-bench-kqueue [events | wakes | ports | memory]\n");
  return ran ? 0 : 64;
}
