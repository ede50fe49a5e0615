// SPDX-License-Identifier: Apache-2.0
// What the processes of the aftermath write down for their master, in memory that they share.
#pragma once

#include <sys/types.h>

#include <atomic>
#include <cstdint>

namespace portolan::aftermath {

inline constexpr unsigned kSurvivors = 4, kVictims = 8;

struct Ledger {
  std::atomic<int32_t> master;
  std::atomic<uint64_t> struck;  // when the blow fell, monotonic ns; 0: not yet
  std::atomic<uint32_t> quiet;   // survivors make no more traps, and say so in `still`
  std::atomic<uint32_t> leave;
  std::atomic<uint32_t> still[kSurvivors];
  std::atomic<uint32_t> ready[kSurvivors];
  std::atomic<int32_t> pid[kVictims];
  std::atomic<uint32_t> watched[kVictims];           // by so many survivors
  std::atomic<uint64_t> told[kSurvivors][kVictims];  // ns from the blow to the dead-name notification
  std::atomic<uint64_t>
      next[kSurvivors];  // ns from the blow to the end of the next trap, or of the one under way
  std::atomic<uint64_t> slowest[kSurvivors];  // ns of the blow's time that one trap took
};

// Tasks, as `main` forks them. Neither returns.
[[noreturn]] void survive(Ledger& ledger, unsigned number);
[[noreturn]] void fall_victim(Ledger& ledger, unsigned number);

}  // namespace portolan::aftermath
