// SPDX-License-Identifier: Apache-2.0
// The storm's master: begins a domain, lets its crew rage, calms it down, and adds up. It is never in the
// domain itself; a bystander, who does nothing, is there from first to last.
#pragma once

#include <cstdint>

namespace portolan::storm {

struct Plan {
  unsigned processes = 24;
  uint64_t seconds = 60;
  uint64_t kills = UINT64_MAX;  // or until so many; whichever comes first
  uint64_t least = 0;           // but not before so many, unless that takes four times as long
  uint64_t seed = 0;            // 0: by the clock
  double pause_ms = 8;          // between two strikes, on average
};

// The exit status.
int run_storm(const Plan& plan);

}  // namespace portolan::storm
