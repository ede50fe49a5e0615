// SPDX-License-Identifier: Apache-2.0
// The life of a task, in real processes (tests/programs/lives.c): a domain is made, joined, a task forks, is
// forked, becomes another program, spawns one, its threads come and go, its tables grow, it ends; launchd
// starts over a dead task. Each is stepped once, to know at which instructions the segment's contents became
// others and where system calls are made; then one real process after the other runs so far and gets a
// SIGKILL there, in a part of the rounds together with launchd. After each, a stranger comes and works with
// a bystander, everything is back that was in use, and fsck is content.
#pragma once

#include "stages/life.hpp"
#include "stages/tally.hpp"

namespace portolan::stages {

struct LifeOptions {
  unsigned most = 60;  // kills in each, evenly apart
  unsigned every = 1;  // and of so many places one
  uint64_t seed = 1;
  // A planted mistake: nobody is killed before all is counted.
  bool sabotage = false;
};

enum LifeCount : unsigned { kLifeSteps, kLifeStates, kLifeCalls, kLifeKills, kLifeBoth, kLifeCounts };

void prove_life(const Life& life, const LifeOptions& options, Tally& tally);

}  // namespace portolan::stages
