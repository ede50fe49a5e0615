// SPDX-License-Identifier: Apache-2.0
// Random messages among several processes of several threads each: every sender's order, nothing lost,
// nothing twice, and all counts as they were once it is quiet (tests/programs/user_traffic.c insists on
// that).
#include <gtest/gtest.h>

#include <cstdlib>
#include <memory>

#include "process/user_harness.hpp"

namespace user {
namespace {

// PORTOLAN_TRAFFIC_MS makes it last longer.
std::string duration() {
  const char* wanted = getenv("PORTOLAN_TRAFFIC_MS");
  return wanted != nullptr ? wanted : "2000";
}

void traffic(int processes, int threads, const std::string& seed) {
  SCOPED_TRACE("seed " + seed);
  const Domain domain;
  std::vector<std::unique_ptr<Program>> all;
  for (int i = 0; i < processes; i++)
    all.push_back(std::make_unique<Program>(domain, "user_traffic",
                                            Program::Arguments{std::to_string(i), std::to_string(processes),
                                                               std::to_string(threads), duration(), seed}));
  for (auto& program : all) ASSERT_EQ("ready", program->line());
  for (auto& program : all) program->tell("count");
  for (auto& program : all) ASSERT_EQ("counted", program->line());  // nobody sends before
  for (auto& program : all) program->tell("go");
  unsigned long long sent = 0, received = 0;
  for (auto& program : all) {
    const std::string line = program->line(kPatience + atoi(duration().c_str()));
    unsigned long long out = 0, in = 0;
    ASSERT_EQ(2, sscanf(line.c_str(), "quiet %llu %llu", &out, &in)) << line;
    sent += out;
    received += in;
  }
  EXPECT_EQ(sent, received);
  ::testing::Test::RecordProperty("messages", std::to_string(sent));
  EXPECT_EQ(0, domain.fsck());
  for (auto& program : all) program->tell("count");
  for (auto& program : all) EXPECT_EQ("exact", program->line());
  for (auto& program : all) program->tell("done");
  for (auto& program : all) EXPECT_EQ(0, program->wait());
}

TEST(UserTraffic, FourProcessesOfThreeThreads) { traffic(4, 3, "1"); }

TEST(UserTraffic, TwoProcessesOfEightThreads) { traffic(2, 8, "2"); }

TEST(UserTraffic, EightProcessesOfOneThread) { traffic(8, 1, "3"); }

}  // namespace
}  // namespace user
