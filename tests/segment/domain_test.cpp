// SPDX-License-Identifier: Apache-2.0
// Domains as files: made once by many at a time, joined, listed, read, discarded, removed. Refusals of what
// others could have put there are in tests/process/refusal_test.cpp.
#include "segment/domain.hpp"

#include <gtest/gtest.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <string>

#include "ipc/kernel.hpp"
#include "segment/life.hpp"

namespace portolan::test {
namespace {

int g_furnish_result;

const Founder kFounder = {
    ipc::small_geometry,
    [](Segment& segment) {
      static const ipc::Layers layers = ipc::make_layers({});
      ipc::install(segment, layers);
    },
    [](Thread& self) { return g_furnish_result != 0 ? g_furnish_result : ipc::make_roots(self); },
    [](const Segment&) { return false; },
};

class Domains : public testing::Test {
 protected:
  void SetUp() override {
    char name[] = "/dev/shm/portolan-domains-XXXXXX";
    ASSERT_NE(nullptr, mkdtemp(name));
    path_ = name;
    ASSERT_TRUE(domain_place(name, place_, error_));
  }
  void TearDown() override { EXPECT_EQ(0, system(("rm -rf '" + path_ + "'").c_str())); }

  bool enter(Segment& segment, Thread& self, DomainEntry how = DomainEntry::join_or_make) {
    return domain_enter(place_, how, kFounder, segment, self, error_);
  }
  ino_t inode() const {
    struct stat status {};
    return stat((path_ + "/segment.v1").c_str(), &status) == 0 ? status.st_ino : 0;
  }
  // Runs a task-like process until it is killed.
  template <class Body>
  pid_t child(Body body) {
    int ends[2];
    EXPECT_EQ(0, pipe(ends));
    const pid_t pid = fork();
    if (pid == 0) {
      body();
      (void)!write(ends[1], "x", 1);
      for (;;) pause();
    }
    char byte = 0;
    close(ends[1]);
    EXPECT_EQ(1, read(ends[0], &byte, 1));
    close(ends[0]);
    return pid;
  }
  void finish(pid_t pid) {
    kill(pid, SIGKILL);
    waitpid(pid, nullptr, 0);
  }
  std::string path_;
  DomainPlace place_;
  DomainError error_;
};

TEST_F(Domains, IsMadeClosedToOthers) {
  Segment segment;
  Thread self;
  ASSERT_TRUE(enter(segment, self)) << error_.message;
  struct stat status {};
  ASSERT_EQ(0, stat((path_ + "/segment.v1").c_str(), &status));
  EXPECT_EQ(0600u, status.st_mode & 0777);
  EXPECT_TRUE(self.attached());
  self.detach();
  domain_unmap(segment);
}

TEST_F(Domains, ManyAtOnceMakeOne) {
  for (unsigned round = 0; round < 10; round++) {
    pid_t children[6];
    for (pid_t& pid : children) {
      pid = fork();
      if (pid != 0) continue;
      static Segment segment;
      static Thread self;
      static LifeLink life;
      if (!enter(segment, self)) _exit(1);
      life_enter(life, segment.life(self.index()));
      for (unsigned i = 0; i < 10000 && segment.header().threads_high.load() < 7; i++) usleep(1000);
      usleep(10000);
      _exit(segment.header().threads_high.load() == 7 ? 0 : 2);
    }
    for (const pid_t pid : children) {
      int status = 0;
      waitpid(pid, &status, 0);
      EXPECT_TRUE(WIFEXITED(status));
      EXPECT_EQ(0, WEXITSTATUS(status));
    }
    // Nobody lives there now, so that the next round makes another.
  }
  EXPECT_EQ(0, system(("test \"$(ls '" + path_ + "')\" = segment.v1").c_str()));
}

TEST_F(Domains, WhereSomebodyLivesItIsJoinedAndElseDiscarded) {
  const auto live = [&] {
    static Segment segment;
    static Thread self;
    static LifeLink life;
    if (!enter(segment, self)) _exit(1);
    life_enter(life, segment.life(self.index()));
  };
  const pid_t first = child(live);
  const ino_t made = inode();
  const pid_t second = child(live);
  EXPECT_EQ(made, inode());
  finish(first);
  const pid_t third = child(live);
  EXPECT_EQ(made, inode());
  EXPECT_FALSE(domain_remove(place_, kFounder, nullptr, 0, error_));
  EXPECT_EQ(DomainFault::busy, error_.code);
  finish(second);
  finish(third);
  const pid_t fourth = child(live);
  EXPECT_NE(made, inode());
  finish(fourth);
  EXPECT_TRUE(domain_remove(place_, kFounder, nullptr, 0, error_)) << error_.message;
  EXPECT_NE(0, access(path_.c_str(), F_OK));
}

TEST_F(Domains, LaunchdsLockKeepsItAndIsHeldOnce) {
  const int lock = domain_lock_launchd(place_);
  ASSERT_GE(lock, 0);
  EXPECT_TRUE(domain_has_launchd(place_));
  EXPECT_EQ(-1, domain_lock_launchd(place_));
  const pid_t pid = child([&] {
    static Segment segment;
    static Thread self;
    if (!enter(segment, self)) _exit(1);
  });
  finish(pid);
  const ino_t made = inode();
  Segment segment;
  Thread self;
  EXPECT_TRUE(enter(segment, self)) << error_.message;
  EXPECT_EQ(made, inode());
  self.detach();
  domain_unmap(segment);
  close(lock);
  EXPECT_FALSE(domain_has_launchd(place_));
}

TEST_F(Domains, WhatCannotBeCompletedLeavesNothing) {
  g_furnish_result = 6;
  Segment segment;
  Thread self;
  EXPECT_FALSE(enter(segment, self));
  g_furnish_result = 0;
  EXPECT_EQ(DomainFault::no_memory, error_.code);
  EXPECT_FALSE(self.attached());
  EXPECT_EQ(nullptr, segment.base());
  EXPECT_EQ(0, system(("test -z \"$(ls '" + path_ + "')\"").c_str()));
}

TEST_F(Domains, LeftoversOfDeadBuildersAreSwept) {
  EXPECT_EQ(
      0, system(("touch '" + path_ + "/segment.v1.5.5.new' && chmod 600 '" + path_ + "/segment.v1.5.5.new'")
                    .c_str()));
  Segment segment;
  Thread self;
  EXPECT_TRUE(enter(segment, self)) << error_.message;
  EXPECT_EQ(0, system(("test \"$(ls '" + path_ + "')\" = segment.v1").c_str()));
  self.detach();
  domain_unmap(segment);
}

TEST_F(Domains, ReadingJoinsNothing) {
  Segment view;
  EXPECT_FALSE(domain_open_readonly(place_, view, error_));
  EXPECT_EQ(DomainFault::absent, error_.code);
  Segment segment;
  Thread self;
  EXPECT_FALSE(enter(segment, self, DomainEntry::join));
  EXPECT_EQ(DomainFault::absent, error_.code);
  ASSERT_TRUE(enter(segment, self));
  const uint32_t threads = segment.header().threads_high.load();
  ASSERT_TRUE(domain_open_readonly(place_, view, error_)) << error_.message;
  EXPECT_EQ(segment.size(), view.size());
  EXPECT_EQ(threads, view.header().threads_high.load());
  domain_unmap(view);
  self.detach();
  domain_unmap(segment);
}

// No descriptor is kept, and no lock lives on in a mapping.
TEST_F(Domains, NothingStaysOpenOrLocked) {
  const int before = dup(0);
  Segment segment;
  Thread self;
  ASSERT_TRUE(enter(segment, self));
  const int after = dup(0);
  EXPECT_EQ(before + 1, after);
  EXPECT_EQ(0, system(("flock -n '" + path_ + "/segment.v1' true").c_str()));
  close(after);
  close(before);
  self.detach();
  domain_unmap(segment);
}

TEST(DomainPlaces, NamesAndPaths) {
  DomainPlace place;
  DomainError error;
  EXPECT_TRUE(domain_place(nullptr, place, error));
  EXPECT_EQ("/dev/shm/portolan-" + std::to_string(geteuid()) + "/default", place.path);
  EXPECT_FALSE(place.is_private);
  EXPECT_TRUE(domain_place("work.2-a_b", place, error));
  EXPECT_TRUE(domain_place("/tmp/x/", place, error));
  EXPECT_STREQ("/tmp/x", place.path);
  EXPECT_TRUE(place.is_private);
  EXPECT_TRUE(domain_place("./x", place, error));
  EXPECT_EQ('/', place.path[0]);
  for (const char* bad : {"", ".", "..", ".hidden", "a b", "a\nb", "\xc3\xa4"})
    EXPECT_FALSE(domain_place(bad, place, error));
  EXPECT_EQ(DomainFault::bad_name, error.code);
  EXPECT_FALSE(domain_place(("/" + std::string(2000, 'x')).c_str(), place, error));
}

}  // namespace
}  // namespace portolan::test
