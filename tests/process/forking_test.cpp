// SPDX-License-Identifier: Apache-2.0
// New processes out of the middle of traffic, by tests/programs/forking.c.
#include <gtest/gtest.h>

#include "process/census.hpp"

namespace {

using user::passes;

TEST(Forking, AmongThreadsInTraps) { passes("forking", "forks"); }
TEST(Forking, ByUnderscoreForkAmongThreadsInTraps) { passes("forking", "underscore"); }
TEST(Forking, ByRawCloneAmongThreadsInTraps) { passes("forking", "raw"); }
TEST(Forking, AChildIsKilledAsItJoins) { passes("forking", "killed"); }
TEST(Forking, WhileOthersChangeHandlers) { passes("forking", "changes"); }
TEST(Forking, HandlersOfForksMayTrap) { passes("forking", "atfork"); }
TEST(Forking, DaemonsAmongThreadsInTraps) { passes("forking", "daemons"); }
TEST(Forking, InHandlersThatInterruptedATrap) { passes("forking", "handlers"); }
TEST(Forking, VforkAndExecAmongThreadsInTraps) { passes("forking", "vforks"); }
TEST(Forking, SpawnWithActionsAndAttributes) { passes("forking", "spawns"); }
TEST(Forking, ExecByAnotherThanTheLeader) { passes("forking", "execs"); }

}  // namespace
