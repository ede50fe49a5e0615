// SPDX-License-Identifier: Apache-2.0
// The domain's file is cut short, enlarged, overwritten, replaced or removed while tasks make traps in it,
// sleep in it, fork, and join: none crashes, none hangs; either all goes on, or the domain is lost and says
// so.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstddef>
#include <fstream>
#include <memory>

#include "process/user_harness.hpp"
#include "segment/layout.hpp"

namespace user {
namespace {

using portolan::Header;

class Spoiled : public testing::Test {
 protected:
  void SetUp() override {
#ifdef PORTOLAN_SANITIZED
    GTEST_SKIP() << "sanitizers keep the objects that the way out is found by off the stack";
#endif
    for (const char* what : {"traps", "sleeps", "forks"}) {
      tasks_.push_back(std::make_unique<Program>(domain_, "spoiled", Program::Arguments{what}));
      ASSERT_EQ("up", tasks_.back()->line());
    }
  }
  std::string file() const { return domain_.path() + "/segment.v1"; }
  off_t size() const {
    struct stat status {};
    EXPECT_EQ(0, stat(file().c_str(), &status));
    return status.st_size;
  }
  template <class T>
  void overwrite(size_t at, T value) const {
    const int fd = open(file().c_str(), O_WRONLY | O_CLOEXEC);
    EXPECT_EQ(static_cast<ssize_t>(sizeof value), pwrite(fd, &value, sizeof value, static_cast<off_t>(at)));
    close(fd);
  }
  std::string joins() const {
    Program program(domain_, "spoiled", {"joins"});
    const std::string said = program.line();
    EXPECT_EQ(0, program.wait());
    return said;
  }

  // The process that serves the domain of these tasks; 0: none.
  pid_t launchd() const {
    pid_t found = 0;
    std::string lock;
    struct stat status {};
    if (stat((domain_.path() + "/launchd.lock").c_str(), &status) != 0) return 0;
    std::ifstream locks("/proc/locks");
    const std::string inode = ":" + std::to_string(status.st_ino) + " ";
    while (std::getline(locks, lock)) {
      if (lock.find("FLOCK") == std::string::npos || lock.find(inode) == std::string::npos) continue;
      if (std::sscanf(lock.c_str(), "%*s %*s %*s %*s %d", &found) == 1) break;
    }
    return found;
  }
  pid_t some_launchd() const {
    pid_t found = 0;
    for (int i = 0; i < 1000 && (found = launchd()) == 0; i++) usleep(10000);
    EXPECT_NE(0, found);
    return found;
  }
  static void end_launchd(pid_t pid) {
    ASSERT_GT(pid, 1);
    kill(pid, SIGKILL);
  }

  // Nobody is told: they notice. launchd goes, with the file.
  void all_lost() {
    const pid_t serving = launchd();
    for (const auto& task : tasks_) {
      EXPECT_EQ("lost", task->line());
      EXPECT_EQ(0, task->wait());
    }
    for (int i = 0; i < 1000 && serving != 0 && launchd() == serving; i++) usleep(10000);
    EXPECT_TRUE(serving == 0 || launchd() != serving);
    std::string said = joins();
    for (int i = 0; i < 100 && said != "joined"; i++) {
      usleep(50000);
      said = joins();
    }
    EXPECT_EQ("joined", said) << "in a domain that was made anew";
  }
  void end_all() {
    for (const auto& task : tasks_) {
      task->tell("");
      EXPECT_EQ("fine", task->line());
      EXPECT_EQ(0, task->wait());
    }
  }

  // The victim dies; whether the other hears of it.
  struct Pair {
    Pair(const Domain& domain, const char* name) : victim(domain, "user_death", {"victim", name}) {
      EXPECT_EQ("up", victim.line());
      watcher = std::make_unique<Program>(domain, "user_death", Program::Arguments{"watcher", name});
      EXPECT_EQ("armed", watcher->line());
      EXPECT_EQ("holding", victim.line());
    }
    void part() {
      victim.kill_hard();
      EXPECT_EQ("told", watcher->line());
      EXPECT_EQ(0, watcher->wait());
    }
    Program victim;
    std::unique_ptr<Program> watcher;
  };

  Domain domain_;
  std::vector<std::unique_ptr<Program>> tasks_;
};

TEST_F(Spoiled, CutShortToNothing) {
  ASSERT_EQ(0, truncate(file().c_str(), 0));
  all_lost();
}
TEST_F(Spoiled, CutShortToAPage) {
  ASSERT_EQ(0, truncate(file().c_str(), 4096));
  all_lost();
}
TEST_F(Spoiled, CutShortToNothingAndLaunchdKilled) {
  const pid_t serving = some_launchd();
  end_launchd(serving);
  ASSERT_EQ(0, truncate(file().c_str(), 0));
  for (const auto& task : tasks_) {
    EXPECT_EQ("lost", task->line());
    EXPECT_EQ(0, task->wait());
  }
}

// What is beyond the half may not be in use yet: whoever goes on, goes on well.
TEST_F(Spoiled, CutShortToHalf) {
  ASSERT_EQ(0, truncate(file().c_str(), size() / 2 / 4096 * 4096));
  EXPECT_EQ("joined", joins()) << "in a domain that was made anew";
  for (const auto& task : tasks_) {
    std::string said = task->line(500);
    if (said.empty()) {
      task->tell("");
      said = task->line();
    }
    EXPECT_TRUE(said == "fine" || said == "lost") << said;
    EXPECT_EQ(0, task->wait());
  }
}

// Who made the domain anew keeps it: the launchd of the one that was lost does not take it away.
TEST_F(Spoiled, CutShortAndMadeAnewAtOnce) {
  const pid_t old = some_launchd();
  ASSERT_GT(old, 1);
  kill(old, SIGSTOP);
  ASSERT_EQ(0, truncate(file().c_str(), 4096));
  Program next(domain_, "spoiled", {"traps"});
  EXPECT_EQ("up", next.line());
  struct stat before {
  }, after{};
  ASSERT_EQ(0, stat(file().c_str(), &before));
  kill(old, SIGCONT);
  for (int i = 0; i < 1000 && kill(old, 0) == 0 && launchd() == old; i++) usleep(10000);
  usleep(100000);
  ASSERT_EQ(0, stat(file().c_str(), &after));
  EXPECT_EQ(before.st_ino, after.st_ino);
  Pair pair(domain_, "pair");
  pair.part();
  EXPECT_EQ("", next.line(10));
  EXPECT_EQ(0, domain_.fsck());
  next.tell("");
  EXPECT_EQ("fine", next.line());
  for (const auto& task : tasks_) EXPECT_EQ("lost", task->line());
}

TEST_F(Spoiled, Enlarged) {
  Pair pair(domain_, "pair");
  ASSERT_EQ(0, truncate(file().c_str(), size() + (64 << 20)));
  EXPECT_EQ("joined", joins());
  pair.part();
  EXPECT_EQ(0, domain_.fsck());
  end_all();
}

// Nobody can join, no other launchd either: those who are there go on, and bury their dead.
TEST_F(Spoiled, OfAnotherVersion) {
  const pid_t serving = some_launchd();
  Pair first(domain_, "first"), second(domain_, "second");
  overwrite(offsetof(Header, layout_version), portolan::kLayoutVersion + 1);
  EXPECT_EQ("refused", joins());
  first.part();
  end_launchd(serving);
  second.part();
  overwrite(offsetof(Header, layout_version), portolan::kLayoutVersion);
  EXPECT_EQ("joined", joins());
  EXPECT_EQ(0, domain_.fsck());
  end_all();
}
TEST_F(Spoiled, OfAnotherKind) {
  const pid_t serving = some_launchd();
  Pair first(domain_, "first"), second(domain_, "second");
  overwrite(offsetof(Header, magic), uint64_t{7});
  EXPECT_EQ("refused", joins());
  first.part();
  end_launchd(serving);
  second.part();
  overwrite(offsetof(Header, magic), portolan::kMagic);
  EXPECT_EQ("joined", joins());
  EXPECT_EQ(0, domain_.fsck());
  end_all();
}
TEST_F(Spoiled, ReplacedBySomethingElse) {
  const pid_t serving = some_launchd();
  Pair first(domain_, "first"), second(domain_, "second");
  std::ofstream(domain_.path() + "/other") << std::string(8192, 'x');
  ASSERT_EQ(0, chmod((domain_.path() + "/other").c_str(), 0600));
  ASSERT_EQ(0, rename((domain_.path() + "/other").c_str(), file().c_str()));
  EXPECT_EQ("refused", joins());
  first.part();
  end_launchd(serving);
  second.part();
  end_all();
  ASSERT_EQ(0, unlink(file().c_str()));
}

// Two domains then, of which each has somebody who buries its dead.
TEST_F(Spoiled, Removed) {
  const pid_t serving = some_launchd();
  Pair first(domain_, "first"), second(domain_, "second");
  ASSERT_EQ(0, unlink(file().c_str()));
  Program other(domain_, "spoiled", {"traps"});
  EXPECT_EQ("up", other.line());
  {
    Pair anew(domain_, "anew");
    anew.part();
  }
  EXPECT_EQ(0, domain_.fsck());
  first.part();
  end_launchd(serving);
  second.part();
  {
    Pair anew(domain_, "anew");
    anew.part();
  }
  EXPECT_EQ(0, domain_.fsck());
  other.tell("");
  EXPECT_EQ("fine", other.line());
  end_all();
}

}  // namespace
}  // namespace user
