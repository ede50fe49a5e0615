// SPDX-License-Identifier: Apache-2.0
// Signals and traps (KERNEL.md 12 and 20), by tests/programs/signals.c.
#include <gtest/gtest.h>

#include "process/user_harness.hpp"

namespace {

void passes(const char* what) {
  const user::Domain domain;
  user::Program program(domain, "signals", {what});
  const std::string text = program.rest();
  EXPECT_EQ(0, program.wait()) << what << ": " << text;
}

TEST(Signals, AHandlerThatJumpsOutOfTrapsLeavesNothingBehind) { passes("storm"); }
TEST(Signals, AHandlerMayTrap) { passes("nested"); }
TEST(Signals, EveryThreadDefersItsOwn) { passes("rain"); }
TEST(Signals, AReceiveIsInterruptedOnlyIfItAskedToBe) { passes("interrupted"); }
TEST(Signals, TheProgramsActionsAreWhatItSet) { passes("actions"); }
TEST(Signals, AFaultThatNobodyWantsKills) { passes("dies"); }

}  // namespace
