// SPDX-License-Identifier: Apache-2.0
// Open files in messages: what arrives, how long it stays open, and what happens when there is no room, no
// launchd, or no maker any more. The cases are in tests/programs/fileports.c; after each the domain is sound
// and as much is allocated as before.
#include <gtest/gtest.h>

#include "process/census.hpp"

namespace {

using user::passes;

TEST(FilePorts, AFileAPipeAndASocketOutliveTheirMaker) { passes("fileports", "passes"); }
TEST(FilePorts, TheLastRightClosesTheFile) { passes("fileports", "lasts"); }
TEST(FilePorts, WrongArgumentsSayWhichAndLeaveNothing) { passes("fileports", "wrong-arguments"); }
TEST(FilePorts, LaunchdKeepsAsManyAsItsLimitLets) { passes("fileports", "launchds-limit"); }
TEST(FilePorts, ATaskWithoutNumbersLeftIsToldSo) { passes("fileports", "own-limit"); }
TEST(FilePorts, TheyDieWithTheirLaunchd) { passes("fileports", "launchd-dies"); }
TEST(FilePorts, LaunchdDiesAgainAndAgainAndTheyGoOn) { passes("fileports", "launchd-dies-often"); }
TEST(FilePorts, SilentAndBrokenClientsStopNobody) { passes("fileports", "other-clients"); }
TEST(FilePorts, KilledMakersLeaveNothing) { passes("fileports", "killed"); }

}  // namespace
