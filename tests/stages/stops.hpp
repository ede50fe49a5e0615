// SPDX-License-Identifier: Apache-2.0
// A thread that is stopped in the kernel, as by a debugger, at each distinct state of each scenario: what of
// the domain stands still with it? Whoever wants one of the locks that it holds waits, on exactly that lock
// and holding nothing; everybody else goes on. When it goes on, all who waited do.
//
// Who tries: for each lock that is held, a thread that wants that one; bystanders who make every kind of trap
// on objects of their own; and one who looks at the scenario's own tasks and ports.
#pragma once

#include "proof/scenario.hpp"
#include "stages/tally.hpp"

namespace portolan::stages {

struct StopOptions {
  unsigned every = 1;  // of so many distinct states one is tried …
  uint64_t seed = 1;   // … from one on that this decides
  // A planted mistake: a lock that the parked thread holds names another.
  bool sabotage = false;
};

enum StopCount : unsigned { kStopSteps, kStopStates, kStopTried, kStopWentOn, kStopWaited, kStopCounts };
// Tally::kind, by LockKind: states in which one is held, operations that went on meanwhile, that waited for
// it.
enum StopKind : unsigned { kKindStates, kKindWentOn, kKindWaited };

void prove_stops(const proof::Listed& listed, const StopOptions& options, Tally& tally);

}  // namespace portolan::stages
