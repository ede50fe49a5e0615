// SPDX-License-Identifier: Apache-2.0
// One scenario, proven: stepped once, every distinct state recovered in each way, some states made by real
// kills, and everything that results judged. Runs in a process of its own; what it finds it leaves in a Row
// of shared memory.
//
// The copies are recovered by a process that branches off from this one: it may crash or hang, which is a
// finding like any other, and another goes on behind the state that was too much for it.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "proof/scenario.hpp"
#include "support/crash.hpp"

namespace portolan::proof {

// How a dead thread comes to be recovered.
enum class Way : uint32_t {
  launchd,     // by launchd, both stages
  peer_first,  // its locks by a peer that met one, the rest by launchd
  peer_dies,   // the same, but the peer dies with the claim in its hands
  kWays
};
const char* way_name(Way way);

struct Finding {
  uint32_t times;
  uint64_t step;  // of the first time
  Way way;
  char what[320];
  char where[1200];
};

inline constexpr unsigned kFindings = 12, kOutcomes = 24;

struct Row {
  std::atomic<uint32_t> done;  // the scenario came to its end; what follows is true
  std::atomic<uint64_t> steps, changes, states, tried, violations;
  std::atomic<uint64_t> kills, kills_inside;
  std::atomic<uint64_t> deep;                 // recovered states of recoveries, in `tried` too
  std::atomic<uint32_t> outcomes[kOutcomes];  // recovered copies that led to each
  uint32_t findings;
  Finding finding[kFindings];
  char sabotaged[160];  // the cell whose log entry was left out, if that was the sabotage
  // For the process that recovers: how far it is.
  std::atomic<uint32_t> at, way;
  std::atomic<uint64_t> beats;
  uint32_t rank[static_cast<size_t>(Way::kWays)];  // of the latest outcome
};

// A store to a word of the victim's slot that never happens: the n-th that makes the word greater.
struct Sabotage {
  size_t offset = 0;  // in ThreadSlot; a word of 32 bits
  unsigned nth = 0;   // from 1; 0: none
};

struct Options {
  unsigned kills = 20;  // real SIGKILLs at random steps, and as many at random times
  unsigned deep = 4;    // of so many states the recovery is stepped too, and the states of that recovered
  bool ways = true;     // all of them; otherwise launchd's alone
  bool judging = true;  // otherwise all is stepped and nothing recovered: to see what is reached
  uint64_t seed = 1;
  uint64_t hang_ns = 10'000'000'000;  // without progress for so long
  uint64_t enough = UINT64_MAX;       // violations after which the rest is left out
  Sabotage sabotage;                  // breaks the kernel on purpose
  // Told of each instruction that is stepped, and whether the segment is another after it.
  void (*passed)(uintptr_t instruction, bool changed) = nullptr;
};

void prove(const Listed& listed, const Options& options, Row& row);

}  // namespace portolan::proof
