// SPDX-License-Identifier: Apache-2.0
// The lives and deaths of processes, seen by others: forks, subsets, and what is told of whom was killed.
#include <gtest/gtest.h>

#include "process/user_harness.hpp"

namespace user {
namespace {

// Tasks check 13, bootstrap check 16.
TEST(UserLife, AForkedChildFindsItsParentByName) {
  const Domain domain;
  Program program(domain, "user_fork", {"talk"});
  EXPECT_EQ(0, program.wait());
}

TEST(UserLife, WhatAChildHeldIsGoneWhenItExits) {
  const Domain domain;
  Program program(domain, "user_fork", {"exit"});
  EXPECT_EQ(0, program.wait());
}

// Bootstrap checks 47, 48, 65.
TEST(UserLife, ASubsetIsInheritedByForkAndExec) {
  const Domain domain;
  Program program(domain, "user_fork", {"subset", std::string(PORTOLAN_TEST_PROGRAMS_DIR) + "/user_fork"});
  EXPECT_EQ(0, program.wait());
}

TEST(UserLife, DomainsDoNotSeeEachOther) {
  const Domain domain;
  const Domain other;
  Program server(domain, "user_rpc", {"server", "user.rpc", "1"});
  EXPECT_EQ("serving", server.line());
  Program same_name(other, "user_rpc", {"server", "user.rpc", "1"});
  EXPECT_EQ("serving", same_name.line());
  Program client(domain, "user_rpc", {"client", "user.rpc", "1"});
  EXPECT_EQ(0, client.wait());
  EXPECT_EQ(0, server.wait());
}

// kill -9: within a second the dead task's rights are gone and its peers are told: a dead name, no senders,
// and a reply right that was not used.
TEST(UserLife, PeersHearOfAKillWithinASecond) {
  for (int round = 0; round < 5; round++) {
    const Domain domain;
    Program victim(domain, "user_death", {"victim"});
    EXPECT_EQ("up", victim.line());
    Program watcher(domain, "user_death", {"watcher"});
    EXPECT_EQ("armed", watcher.line());
    EXPECT_EQ("holding", victim.line());
    const double killed = now_ms();
    victim.kill_hard();
    EXPECT_EQ("told", watcher.line());
    EXPECT_LT(now_ms() - killed, 1000.0 * kSlower);
    EXPECT_EQ(0, watcher.wait());
  }
}

// Messages check 44, over processes: the wait ends, with success.
TEST(UserLife, ABlockedSenderHearsOfTheReceiversKill) {
  const Domain domain;
  Program victim(domain, "user_death", {"victim"});
  EXPECT_EQ("up", victim.line());
  Program sender(domain, "user_death", {"sender"});
  EXPECT_EQ("full", sender.line().substr(0, 4));
  EXPECT_EQ("", sender.line(200));
  const double killed = now_ms();
  victim.kill_hard();
  EXPECT_EQ("told", sender.line());
  EXPECT_LT(now_ms() - killed, 1000.0 * kSlower);
  EXPECT_EQ(0, sender.wait());
}

// The name of a killed server is free for the next one.
TEST(UserLife, AKilledServerIsReplaced) {
  const Domain domain;
  for (int round = 0; round < 5; round++) {
    Program client(domain, "user_rpc", {"client", "user.rpc", "20"});
    {
      Program server(domain, "user_queue", {"receiver"});
      EXPECT_EQ("up", server.line());
      server.kill_hard();
    }
    Program server(domain, "user_rpc", {"server", "user.rpc", "20"});
    EXPECT_EQ(0, client.wait());
    EXPECT_EQ(0, server.wait());
  }
}

}  // namespace
}  // namespace user
