// SPDX-License-Identifier: Apache-2.0
// Joining never fails because others come, fork, exec and die meanwhile, nor because the domain is cleared
// away and made again (tests/programs/joins.c).
#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <memory>
#include <random>
#include <vector>

#include "process/user_harness.hpp"

namespace {

using user::Domain;
using user::kSlower;
using user::Program;

constexpr int kRounds = 300 / (kSlower * kSlower), kAtOnce = 4;

useconds_t microseconds(std::mt19937& random, unsigned from, unsigned to) {
  return std::uniform_int_distribution<useconds_t>(from, to)(random);
}

// Starts some at once, and kills every other one at some time of its life.
void come_and_go(const Domain& domain, std::mt19937& random) {
  std::vector<std::unique_ptr<Program>> programs;
  for (int i = 0; i < kAtOnce; i++)
    programs.push_back(std::make_unique<Program>(domain, "joins", Program::Arguments{std::to_string(i % 2)}));
  for (int i = 0; i < kAtOnce; i += 2) {
    usleep(microseconds(random, 0, 3000 * kSlower));
    kill(programs[static_cast<size_t>(i)]->pid(), SIGKILL);
  }
  for (int i = 0; i < kAtOnce; i++) {
    Program& program = *programs[static_cast<size_t>(i)];
    EXPECT_EQ("", program.rest());
    const int status = program.wait();
    if (i % 2 != 0 || status != 128 + SIGKILL) {
      EXPECT_EQ(0, status);
    }
  }
}

TEST(Joining, NeverFailsAmongTheDying) {
  const Domain domain;
  Program bystander(domain, "life", {"stays"});  // so that the domain stays, too
  EXPECT_NE("", bystander.line());
  std::mt19937 random(1);
  for (int round = 0; round < kRounds && !HasFailure(); round++) come_and_go(domain, random);
  EXPECT_EQ(0, domain.fsck());
  bystander.tell("");
  EXPECT_EQ(0, bystander.wait());
}

// Each round finds the domain as the one before left it: alive, dying, being removed, or gone.
TEST(Joining, NeverFailsWhileTheDomainIsRemoved) {
  const Domain domain;
  std::mt19937 random(2);
  for (int round = 0; round < kRounds && !HasFailure(); round++) {
    come_and_go(domain, random);
    if (round % 10 == 0) usleep(microseconds(random, 150'000, 300'000));  // about launchd's patience
  }
}

}  // namespace
