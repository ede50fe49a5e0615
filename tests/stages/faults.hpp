// SPDX-License-Identifier: Apache-2.0
// System calls that fail. What the processes of tests/programs/lives.c do, and launchd's start, is done over
// and over, and each time one of its system calls, the n-th, is not made and answers one of the errors that
// it can answer, as a debugger can have it. It has to end as if nothing had been, or with a documented code,
// and the same must work afterwards; a stranger must be served, as much be in use as before, and fsck be
// content.
#pragma once

#include "stages/life.hpp"
#include "stages/tally.hpp"

namespace portolan::stages {

struct FaultOptions {
  unsigned every = 1;  // of so many failures one is tried …
  uint64_t seed = 1;   // … from one on that this decides
};

enum FaultCount : unsigned { kFaultCalls, kFaultTried, kFaultRefused, kFaultCounts };

// What was tried of each kind of system call, in memory shared by the jobs.
struct FaultKinds;
FaultKinds* make_fault_kinds();
void print_fault_kinds(const FaultKinds& kinds);

void prove_faults(const Life& life, const FaultOptions& options, FaultKinds& kinds, Tally& tally);

}  // namespace portolan::stages
