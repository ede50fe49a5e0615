// SPDX-License-Identifier: Apache-2.0
// One trap, tried again for each of its reservations with just that one refused, and with that one and all
// that follow refused. What has to hold then:
//
//   - it answers a code that is documented for want of memory, or does all it does otherwise;
//   - all is as before, or as after; what a trap may leave in between is a rule, and named in `kBetween`;
//   - fsck is clean, and once there is room again what was put off is done, and the trap works;
//   - when the tasks have ended, everything has returned to where it came from.
#pragma once

#include <cstdint>

#include "proof/scenario.hpp"

namespace portolan::exhaustion {

inline constexpr unsigned kSitesMost = 64;
inline constexpr unsigned kFindings = 16;

// What a scenario's process leaves for the main program; in shared memory.
struct Row {
  uint32_t done;
  uint32_t reservations;  // of the trap, unharmed
  uint32_t injections;
  uint32_t undone, between, finished;  // what came of them
  uint32_t violations;
  uint32_t sites_count;
  uintptr_t sites[kSitesMost];  // where memory was refused
  uint32_t findings;
  char finding[kFindings][400];
};

// Runs in a process of its own.
void try_scenario(const proof::Listed& listed, Row& row);

// Traps that no proof of deaths is about, or not with all that they reserve.
std::span<const proof::Listed> more_scenarios();

}  // namespace portolan::exhaustion
