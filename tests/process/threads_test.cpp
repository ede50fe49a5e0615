// SPDX-License-Identifier: Apache-2.0
// Threads that end in the middle of traps while their process goes on, by tests/programs/threads.c.
#include <gtest/gtest.h>

#include "process/census.hpp"

namespace {

using user::passes;

TEST(Threads, SlotsComeBackByTheThousand) { passes("threads", "thousands"); }
TEST(Threads, EndAtAnyInstruction) { passes("threads", "end"); }
TEST(Threads, EndWhileBlocked) { passes("threads", "end-blocked"); }
TEST(Threads, TrapsAreNoCancellationPoints) { passes("threads", "cancel"); }
TEST(Threads, ABlockedReceiveIsNoCancellationPoint) { passes("threads", "cancel-blocked"); }
TEST(Threads, NeitherAreTheSeldomWaysOfATrap) { passes("threads", "cancel-joining"); }
TEST(Threads, AsynchronousCancellationLeavesTheKernelWhole) { passes("threads", "async"); }
TEST(Threads, AsynchronousCancellationOfAWaitLeavesNoWaiter) { passes("threads", "async-blocked"); }
TEST(Threads, TheFirstOneLeavesAndTheOthersGoOn) { passes("threads", "leader"); }
TEST(Threads, RobustMutexesStandBesideTheLifeWord) { passes("threads", "robust"); }

}  // namespace
