// SPDX-License-Identifier: Apache-2.0
// Life words on the robust lists of real threads: marked by Linux at every kind of death, in company of the
// program's own robust mutexes, and not marked when the thread has left (KERNEL.md 8).
#include "segment/life.hpp"

#include <gtest/gtest.h>
#include <linux/futex.h>
#include <pthread.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <functional>

namespace portolan::test {
namespace {

struct Shared {
  LifeWord words[4];
  pthread_mutex_t mutexes[4];
  Hint<uint32_t> ready;
};

class Life : public testing::Test {
 protected:
  Life() {
    void* memory = mmap(nullptr, sizeof(Shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    shared_ = static_cast<Shared*>(memory);
    pthread_mutexattr_t attributes;
    pthread_mutexattr_init(&attributes);
    pthread_mutexattr_setpshared(&attributes, PTHREAD_PROCESS_SHARED);
    pthread_mutexattr_setrobust(&attributes, PTHREAD_MUTEX_ROBUST);
    for (pthread_mutex_t& mutex : shared_->mutexes) pthread_mutex_init(&mutex, &attributes);
  }
  ~Life() override { munmap(shared_, sizeof(Shared)); }

  bool enter(LifeLink& link, unsigned n) {
    shared_->words[n].word.store(static_cast<uint32_t>(syscall(SYS_gettid)) | FUTEX_WAITERS);
    return life_enter(link, shared_->words[n]);
  }
  bool dead(unsigned n) const { return (shared_->words[n].word.load() & FUTEX_OWNER_DIED) != 0; }
  bool owner_died(unsigned n) {
    const int result = pthread_mutex_lock(&shared_->mutexes[n]);
    if (result == EOWNERDEAD) pthread_mutex_consistent(&shared_->mutexes[n]);
    pthread_mutex_unlock(&shared_->mutexes[n]);
    return result == EOWNERDEAD;
  }
  // Runs `body` in a child that is then killed.
  void in_killed_child(const std::function<void()>& body) {
    const pid_t child = fork();
    if (child == 0) {
      body();
      shared_->ready.store(1, std::memory_order_release);
      for (;;) pause();
    }
    while (shared_->ready.load(std::memory_order_acquire) == 0) usleep(1000);
    shared_->ready.store(0);
    kill(child, SIGKILL);
    waitpid(child, nullptr, 0);
  }
  Shared* shared_;
};

TEST_F(Life, AKilledThreadIsMarked) {
  in_killed_child([&] {
    static LifeLink link;
    EXPECT_TRUE(enter(link, 0));
    EXPECT_FALSE(dead(0));
  });
  EXPECT_TRUE(dead(0));
}

TEST_F(Life, AThreadThatLeftIsNot) {
  in_killed_child([&] {
    static LifeLink link;
    EXPECT_TRUE(enter(link, 0));
    life_leave(link);
    shared_->words[0].word.store(0);
    life_left(link);
  });
  EXPECT_FALSE(dead(0));
}

// Between leaving the list and giving the slot back: the pending word covers it.
TEST_F(Life, AThreadThatDiesWhileItLeavesIsMarked) {
  in_killed_child([&] {
    static LifeLink link;
    EXPECT_TRUE(enter(link, 0));
    life_leave(link);
  });
  EXPECT_TRUE(dead(0));
}

// Before, between and after the program's own.
TEST_F(Life, RobustMutexesKeepWorkingAroundIt) {
  in_killed_child([&] {
    static LifeLink link;
    pthread_mutex_lock(&shared_->mutexes[0]);
    pthread_mutex_lock(&shared_->mutexes[1]);
    EXPECT_TRUE(enter(link, 0));
    pthread_mutex_lock(&shared_->mutexes[2]);
    pthread_mutex_lock(&shared_->mutexes[3]);
    pthread_mutex_unlock(&shared_->mutexes[2]);  // next to our word on either side
    pthread_mutex_unlock(&shared_->mutexes[1]);
  });
  EXPECT_TRUE(dead(0));
  EXPECT_TRUE(owner_died(0));
  EXPECT_FALSE(owner_died(1));
  EXPECT_FALSE(owner_died(2));
  EXPECT_TRUE(owner_died(3));
}

TEST_F(Life, LeavingFromTheMiddleKeepsTheOthers) {
  in_killed_child([&] {
    static LifeLink link;
    pthread_mutex_lock(&shared_->mutexes[0]);
    EXPECT_TRUE(enter(link, 0));
    pthread_mutex_lock(&shared_->mutexes[1]);
    life_leave(link);
    shared_->words[0].word.store(0);
    life_left(link);
    pthread_mutex_lock(&shared_->mutexes[2]);
    pthread_mutex_unlock(&shared_->mutexes[0]);
  });
  EXPECT_FALSE(dead(0));
  EXPECT_FALSE(owner_died(0));
  EXPECT_TRUE(owner_died(1));
  EXPECT_TRUE(owner_died(2));
}

// A raw clone has no list; it gets one. (The C library's mutexes believe that they are in the parent.)
TEST_F(Life, ARawCloneGetsAList) {
  static LifeLink link;
  EXPECT_TRUE(enter(link, 0));
  const auto child = static_cast<pid_t>(syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0));
  if (child == 0) {
    life_forget(link);
    if (!enter(link, 1)) _exit(1);
    shared_->ready.store(1);
    for (;;) pause();
  }
  while (shared_->ready.load() == 0) usleep(1000);
  kill(child, SIGKILL);
  waitpid(child, nullptr, 0);
  EXPECT_FALSE(dead(0));
  EXPECT_TRUE(dead(1));
  life_leave(link);
  life_left(link);
}

}  // namespace
}  // namespace portolan::test
