// SPDX-License-Identifier: Apache-2.0
// storm: processes that pass rights around in a ring, and are killed at random. Usage: docs/proof.md.
#include <stdio.h>
#include <stdlib.h>

#include <algorithm>
#include <string>

#include "segment/futex.hpp"
#include "storm/ledger.hpp"
#include "storm/master.hpp"

namespace {

const char kUsage[] =
    "usage: storm [--seconds N] [--kills N] [--processes N] [--pause MS] [--seed N]\n"
    "  --seconds N    how long (60; no limit with --kills alone)\n"
    "  --kills N      or until so many are killed\n"
    "  --processes N  in the ring (8)\n"
    "  --pause MS     between two kills, on average (8)\n";

}  // namespace

int main(int count, char** words) {
  using namespace portolan::storm;
  Plan plan;
  bool seconds = false, kills = false;
  for (int i = 1; i < count; i++) {
    const std::string word = words[i];
    if (word == "--help") {
      fputs(kUsage, stdout);
      return 0;
    }
    if (i + 1 == count) {
      fputs(kUsage, stderr);
      return 2;
    }
    const char* value = words[++i];
    const uint64_t number = strtoull(value, nullptr, 10);
    if (word == "--seconds") {
      plan.seconds = number;
      seconds = true;
    } else if (word == "--kills") {
      plan.kills = number;
      kills = true;
    } else if (word == "--processes") {
      plan.processes = std::clamp(static_cast<unsigned>(number), 2u, kPlacesMost);
    } else if (word == "--pause") {
      plan.pause_ms = strtod(value, nullptr);
    } else if (word == "--seed") {
      plan.seed = number;
    } else {
      fputs(kUsage, stderr);
      return 2;
    }
  }
  if (kills && !seconds) plan.seconds = 24 * 3600;
  if (plan.seed == 0) plan.seed = portolan::monotonic_ns();
  setvbuf(stdout, nullptr, _IOLBF, 0);
  return run_storm(plan);
}
