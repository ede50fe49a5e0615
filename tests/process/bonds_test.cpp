// SPDX-License-Identifier: Apache-2.0
// Tasks whose process is another after they joined, by tests/programs/bonds.c.
#include <gtest/gtest.h>

#include "process/census.hpp"

namespace {

using user::passes;

TEST(Bonds, AnotherUser) { passes("bonds", "user"); }
TEST(Bonds, AllDescriptorsClosed) { passes("bonds", "closed"); }
TEST(Bonds, AFilterThatLetsTrapsThroughOnly) { passes("bonds", "filtered"); }
TEST(Bonds, ChildrenThatNobodyWaitsFor) { passes("bonds", "children"); }
TEST(Bonds, StoppedAnywhereAndContinued) { passes("bonds", "stops"); }
TEST(Bonds, OthersGoOnDuringACoreDump) { passes("bonds", "dumps"); }
TEST(Bonds, APidThatComesBackIsAnotherTask) { passes("bonds", "pids"); }

}  // namespace
