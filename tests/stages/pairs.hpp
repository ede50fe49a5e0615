// SPDX-License-Identifier: Apache-2.0
// Two threads meet, and die. One is parked at each of its distinct states, with whatever locks it holds; the
// other runs until it has ended or waits, or is parked too; then one of them dies, or both, or none, and the
// survivors go on.
//
// What may come of it is learned first, from the same two traps one after the other: in both orders, each of
// them whole, or dead at any of its instructions and recovered. Whatever else comes of them together is a
// violation: a message that is lost or doubled, a code that no order explains, a right that is not where the
// codes say.
#pragma once

#include <cstdint>

#include "stages/meeting.hpp"
#include "stages/tally.hpp"

namespace portolan::stages {

struct PairOptions {
  uint64_t seed = 1;
  unsigned every = 1;    // of so many distinct states one is tried
  unsigned samples = 2;  // times that the other is parked too, at each state
  // A planted mistake: the parked thread forgets to note the lock it is about to take, at its n-th.
  unsigned sabotage = 0;
};

enum PairCount : unsigned { kPairSteps, kPairStates, kPairTried, kPairWaited, kPairBothParked, kPairCounts };

// `swapped`: the second trap's thread is parked, and the first one's runs.
void prove_pair(const ListedMeeting& listed, bool swapped, const PairOptions& options, Tally& tally);

}  // namespace portolan::stages
