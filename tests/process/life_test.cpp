// SPDX-License-Identifier: Apache-2.0
// Tasks come and go: joining, every way to fork and exec, threads that end, sudden deaths, launchd's own.
// What is checked is in tests/programs/life.c, which speaks the public calls only; each case has a domain to
// itself.
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include "process/user_harness.hpp"

namespace {

using user::Domain;
using user::Program;

void passes(const char* what) {
  const Domain domain;
  Program program(domain, "life", {what});
  const std::string text = program.rest();
  EXPECT_EQ(0, program.wait()) << what << ": " << text;
}

// Tasks 1.1, 1.2, 1.6.
TEST(Life, ATaskIsThereBeforeMain) { passes("joins"); }

// Tasks 1.9.
TEST(Life, AThreadsPortDiesWithIt) { passes("threads"); }
TEST(Life, ADestructorThatTrapsLateAttachesAgain) { passes("late"); }

TEST(Life, ATaskOutlivesItsFirstThread) { passes("first-ends"); }

// Tasks 1.2, bootstrap 12.3.
TEST(Life, AForkedChildIsANewTaskThatInherits) { passes("forks"); }
TEST(Life, ARawCloneJoinsAtItsFirstTrap) { passes("raw"); }
TEST(Life, AForkInsideTheCLibraryInherits) { passes("library"); }
TEST(Life, EveryExecAndSpawnMakesANewTaskThatInherits) { passes("images"); }
TEST(Life, AnImageThatIsNoTaskEndsTheOldOne) { passes("leaves"); }

// The promise: within a second.
TEST(Life, AKilledTasksRightsAreGoneWithinASecond) { passes("killed"); }
TEST(Life, AKilledLaunchdIsReplaced) { passes("launchd"); }
TEST(Life, ATaskKilledTogetherWithLaunchdIsFound) { passes("both"); }

TEST(Life, WhereThereCanBeNoLaunchdTheLivingStandIn) { passes("sandboxed"); }

TEST(Life, TheDomainGoesWithItsLastTask) {
  std::string path;
  {
    const Domain domain;
    path = domain.path();
    Program program(domain, "life", {"joins"});
    EXPECT_EQ(0, program.wait());
    for (int i = 0; i < 300 && access(path.c_str(), F_OK) == 0; i++) usleep(10000);
    EXPECT_NE(0, access(path.c_str(), F_OK)) << "still there 3 seconds after its last task";
  }
}

// Everybody was killed at once, launchd too: the next one to come makes the domain anew.
TEST(Life, ADomainInWhichNobodyLivesIsDiscarded) {
  const Domain domain;
  Program first(domain, "life", {"stays"});
  const std::string line = first.line();
  pid_t launchd = std::atoi(line.c_str());
  for (int i = 0; launchd == 0 && i < 50; i++) {
    // It may have been on its way: ask again.
    Program other(domain, "life", {"stays"});
    launchd = std::atoi(other.line().c_str());
    other.tell("");
    other.wait();
    usleep(20000);
  }
  ASSERT_GT(launchd, 1);
  struct stat before {};
  ASSERT_EQ(0, stat((domain.path() + "/segment.v1").c_str(), &before));
  kill(launchd, SIGKILL);
  first.kill_hard();
  first.wait();
  for (int i = 0; i < 200 && kill(launchd, 0) == 0; i++) usleep(5000);
  Program next(domain, "life", {"joins"});
  EXPECT_EQ(0, next.wait());
}

// Doubt means alive: who cannot find out whether anybody lives in a domain does not make it anew.
TEST(Life, WhoHasNoDescriptorsLeftLeavesTheDomainAlone) {
  const Domain domain;
  Program server(domain, "lives", {"serves"});
  ASSERT_EQ("serves", server.line());
  Program poor(domain, "lives", {"short-of-descriptors"});
  EXPECT_EQ(0, poor.wait());
  Program visitor(domain, "lives", {"visits"});
  EXPECT_EQ(0, visitor.wait()) << "the domain is another by now";
}

TEST(Life, ADomainWhoseFileIsCutShortIsLostAndNobodyDies) {
#ifdef PORTOLAN_SANITIZED
  GTEST_SKIP() << "sanitizers keep the objects that the way out is found by off the stack";
#endif
  const Domain domain;
  Program program(domain, "life", {"lost"});
  EXPECT_EQ("first 0x25", program.line());
  EXPECT_EQ("then 0x10000003", program.line());
  EXPECT_EQ(0, program.wait());
  // The next one to come makes it anew.
  Program next(domain, "life", {"joins"});
  EXPECT_EQ(0, next.wait());
}

TEST(Life, AQueueIsToldThatItsDomainIsLost) {
#ifdef PORTOLAN_SANITIZED
  GTEST_SKIP() << "sanitizers keep the objects that the way out is found by off the stack";
#endif
  const Domain domain;
  Program program(domain, "life", {"lost-in-a-queue"});
  EXPECT_EQ("looked", program.line());
  EXPECT_EQ("told 1, gone", program.line());
  EXPECT_EQ("others 1", program.line());
  EXPECT_EQ(0, program.wait());
}

}  // namespace
