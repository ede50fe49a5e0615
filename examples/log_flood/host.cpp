// SPDX-License-Identifier: Apache-2.0
#include "host.hpp"

#include <time.h>

#include <cstdio>

#include "protocol.hpp"

namespace log_flood {

namespace {

// What it takes to look at so many events.
void work(std::size_t events) {
  const timespec pause = {0, static_cast<long>(events) * 2'000};
  nanosleep(&pause, nullptr);
}

}  // namespace

int run_host(const char* name) {
  portolan::service host(portolan::bootstrap::check_in(name).value());
  totals seen = {};
  uint64_t next = 0;
  const auto look_at = [&](const event& each) {
    if (each.number != next) seen.disorders++;
    next = each.number + 1;
    seen.arrived++;
  };
  host.on([&](batch& got) {
    seen.dropped += got.payload.dropped;
    next += got.payload.dropped;
    const auto events = got.part<0>().as<event>();
    for (const event& each : events) look_at(each);
    work(events.size());
  });
  host.on([&](const single& got) {
    look_at(got.payload);
    work(1);
    return noted{};
  });
  host.on([&](const finish&) {
    host.stop();
    return finished{seen};
  });
  const portolan::result<void> ended = host.run();
  if (!ended) std::fprintf(stderr, "host: %s\n", ended.error().text());
  return ended ? 0 : 1;
}

}  // namespace log_flood
