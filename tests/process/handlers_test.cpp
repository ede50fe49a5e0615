// SPDX-License-Identifier: Apache-2.0
// Handlers of signals, by tests/programs/handlers.c: those that the library calls, and those that the program
// installed behind its back.
#include <gtest/gtest.h>

#include "process/census.hpp"

namespace {

using user::passes;

TEST(Handlers, EachSignalArrivesExactlyOnceAndInOrder) { passes("handlers", "once"); }
TEST(Handlers, ASignalWithoutRoomIsNotLost) { passes("handlers", "no-room"); }
TEST(Handlers, FaultsThatAreOnlySentAreDeferred) { passes("handlers", "faults"); }
TEST(Handlers, TrapOnAStackOfTheirOwn) { passes("handlers", "stack"); }
TEST(Handlers, InterruptThemselvesEightDeep) { passes("handlers", "nodefer"); }
TEST(Handlers, RunOnceIfAskedTo) { passes("handlers", "resethand"); }
TEST(Handlers, AnAlarmEndsAReceive) { passes("handlers", "alarm"); }
TEST(Handlers, SignalsThatAreWaitedForArrive) { passes("handlers", "waited"); }
TEST(Handlers, AJumpOutOfAWaitLeavesNoWaiter) { passes("handlers", "jump-known"); }
TEST(Handlers, AnUnknownHandlersJumpOutOfAWaitLeavesNoWaiter) { passes("handlers", "jump-raw"); }
TEST(Handlers, AnUnknownHandlersJumpOutOfAnywhereLeavesTheKernelWhole) { passes("handlers", "jump-any"); }
TEST(Handlers, UnknownOnesBlockFourDeepAndTheFifthIsRefused) { passes("handlers", "five"); }
TEST(Handlers, AnUnknownOneIsRefusedInTheMiddleOfATrap) { passes("handlers", "busy"); }
TEST(Handlers, AChildOfVforkLeavesOursAlone) { passes("handlers", "vfork"); }

}  // namespace
