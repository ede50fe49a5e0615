// SPDX-License-Identifier: Apache-2.0
// The storm's master: fills the ring's places, kills at random, watches for who hangs, and adds up in the
// end. It is never in the domain itself; a bystander, who does nothing, is there from first to last.
#pragma once

#include <cstdint>

namespace portolan::storm {

struct Plan {
  unsigned processes = 8;
  uint64_t seconds = 60;
  uint64_t kills = UINT64_MAX;  // whichever comes first
  uint64_t seed = 0;            // 0: by the clock
  double pause_ms = 8;          // between two kills, on average
};

// The exit status.
int run_storm(const Plan& plan);

}  // namespace portolan::storm
