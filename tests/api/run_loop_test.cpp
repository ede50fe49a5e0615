// SPDX-License-Identifier: Apache-2.0
// Run loops: other threads; the end of sources and loops; loops in loops; exceptions; misuse. What sources
// watch is in run_loop_sources_test.cpp.
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>

#include <array>
#include <atomic>
#include <future>
#include <memory>
#include <optional>
#include <stdexcept>
#include <thread>
#include <vector>

#include "api/loops.hpp"

namespace api {
namespace {

// --- users, tasks, idleness

TEST_F(Loops, WakingIsOnceForAll) {
  int woken = 0;
  user_source source = loop.on_wake([&] { woken++; }).value();
  const loop_waker waker = source.waker();
  for (int i = 0; i < 5; i++) waker.wake();
  EXPECT_EQ(1, drained());
  EXPECT_EQ(1, woken);
  std::thread([waker] { waker.wake(); }).join();
  EXPECT_EQ(1, drained());
  source.cancel();
  waker.wake();  // nobody
  EXPECT_EQ(0, drained());
  EXPECT_EQ(2, woken);
}

TEST_F(Loops, AWakerOutlivesItsLoop) {
  std::optional<loop_waker> waker;
  user_source source;
  {
    run_loop other;
    source = other.on_wake([] {}).value();
    waker = source.waker();
  }
  waker->wake();
  source.cancel();
}

// No wake-up is lost, whoever is faster.
TEST_F(Loops, ThousandsOfWakeUps) {
  constexpr int kThreads = 4, kEach = 2500;
  std::atomic<int> done{0};
  int performed = 0;
  std::array<int, kThreads> last{};
  const user_source source = loop.on_wake([] {}).value();
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; t++) {
    threads.emplace_back([&, t, waker = source.waker()] {
      for (int i = 1; i <= kEach; i++) {
        loop.perform([&, t, i] {
          EXPECT_EQ(last[static_cast<size_t>(t)] + 1, i) << "in the order of each thread";
          last[static_cast<size_t>(t)] = i;
          if (++performed == kThreads * kEach) loop.stop();
        });
        if (i % 16 == 0) waker.wake();
        if (i % 64 == 0) std::this_thread::sleep_for(100us);
      }
      done++;
    });
  }
  EXPECT_TRUE(stopped());
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(kThreads * kEach, performed);
}

// Each ping waits for its pong: a single lost wake-up ends it.
TEST_F(Loops, TwoLoopsWakeEachOther) {
  run_loop other;
  int left = 3000;
  std::function<void()> ping = [&] {
    if (left == 0) {
      other.stop();
      return loop.stop();
    }
    other.perform([&] {
      left--;
      loop.perform([&] { ping(); });
    });
  };
  std::thread thread([&] { EXPECT_TRUE(other.run_for(kPatience).value()); });
  loop.perform([&] { ping(); });
  EXPECT_TRUE(stopped());
  other.stop();
  thread.join();
  EXPECT_EQ(0, left);
}

// A task that asks for the next one does not keep others from their turn.
TEST_F(Loops, TasksTakeTurns) {
  bool ticked = false;
  const timer_source timer = loop.after(5ms,
                                        [&] {
                                          ticked = true;
                                          loop.stop();
                                        })
                                 .value();
  std::function<void()> again = [&] {
    if (!ticked) loop.perform([&] { again(); });
  };
  again();
  EXPECT_TRUE(stopped());
  EXPECT_TRUE(ticked);
}

TEST_F(Loops, IdleComesBeforeWaiting) {
  int idle = 0;
  std::string order;
  const loop_source source = loop.idle([&] {
                                   order += 'i';
                                   if (++idle == 2) loop.stop();
                                 })
                                 .value();
  const timer_source timer = loop.after(10ms, [&] { order += 't'; }).value();
  loop.perform([&] { order += 'p'; });
  ASSERT_TRUE(stopped());
  EXPECT_EQ("piti", order);
}

// --- the end of sources and loops

// Of many that are ready at once, the first that is told ends all others and itself.
TEST_F(Loops, NobodyIsCalledAfterHisSourceHasGone) {
  for (int round = 0; round < 20; round++) {
    std::vector<std::unique_ptr<Pair>> pairs;
    std::vector<loop_source> sources(10);
    int called = 0;
    for (loop_source& source : sources) {
      pairs.push_back(std::make_unique<Pair>());
      pairs.back()->put("x");
      source = loop.readable(pairs.back()->fd[0],
                             [&, held = std::make_shared<int>(1)] {
                               for (loop_source& each : sources) each.cancel();
                               called += *held;  // what the handler holds lives until it returns
                             })
                   .value();
    }
    while (drained() != 0) {
    }
    EXPECT_EQ(1, called);
  }
}

TEST_F(Loops, NewSourcesInHandlers) {
  Pair pair;
  pair.put("x");
  std::vector<loop_source> sources;
  int called = 0;
  std::function<void()> more = [&] {
    if (++called < 5)
      sources.push_back(loop.after(0ms, [&] { more(); }).value());
    else
      loop.stop();
  };
  sources.push_back(loop.after(0ms, [&] { more(); }).value());
  EXPECT_TRUE(stopped());
  EXPECT_EQ(5, called);
}

TEST_F(Loops, ALoopsEndDestroysHandlersAndTheSourcesThatTheyHold) {
  auto alive = std::make_shared<int>(0);
  const std::weak_ptr<int> watched = alive;
  loop_source outlives;
  {
    run_loop other;
    auto holder = std::make_shared<loop_source>();
    *holder = other.after(1h, [holder, alive] {}).value();  // a cycle
    outlives = other.idle([alive] {}).value();
    other.perform([alive] { FAIL(); });
    alive.reset();
    EXPECT_FALSE(watched.expired());
  }
  EXPECT_TRUE(watched.expired());
}

TEST_F(Loops, AStopBeforeTheRunEndsTheNextOne) {
  loop.stop();
  EXPECT_TRUE(loop.run());
  EXPECT_FALSE(loop.run_for(1ms).value());
  std::thread stopper([&] { loop.stop(); });
  EXPECT_TRUE(loop.run());
  stopper.join();
  loop.stop();
  EXPECT_FALSE(loop.run_once().value());
  EXPECT_FALSE(loop.run_once(1ms).value());
}

// What has happened and was not told stays for the next run.
TEST_F(Loops, AStopLeavesTheRestOfTheBatch) {
  int called = 0;
  std::vector<timer_source> timers;
  for (int i = 0; i < 5; i++)
    timers.push_back(loop.after(0ms,
                                [&] {
                                  called++;
                                  loop.stop();
                                })
                         .value());
  for (int i = 1; i <= 5; i++) {
    EXPECT_TRUE(stopped());
    EXPECT_EQ(i, called);
  }
}

TEST_F(Loops, AnExceptionPassesThroughRunAndLosesNothing) {
  int called = 0;
  std::vector<timer_source> timers;
  for (int i = 0; i < 3; i++)
    timers.push_back(loop.after(0ms,
                                [&] {
                                  called++;
                                  throw std::runtime_error("on purpose");
                                })
                         .value());
  for (int i = 0; i < 2; i++)
    loop.perform([&] {
      called++;
      throw std::runtime_error("on purpose");
    });
  for (int i = 1; i <= 5; i++) {
    EXPECT_THROW(static_cast<void>(loop.run()), std::runtime_error);
    EXPECT_EQ(i, called);
  }
  loop.stop();
  EXPECT_TRUE(loop.run());
}

TEST_F(Loops, ALoopInALoopAndInPoll) {
  run_loop inner;
  int ticks = 0;
  const timer_source timer = inner.after(5ms, [&] { ticks++; }).value();
  inner.perform([&] { ticks++; });
  const loop_source nested = loop.readable(inner.descriptor(),
                                           [&] {
                                             while (inner.run_once(0ms).value()) {
                                             }
                                             if (ticks == 2) loop.stop();
                                           })
                                 .value();
  EXPECT_TRUE(stopped());
  struct pollfd entry = {inner.descriptor(), POLLIN, 0};
  EXPECT_EQ(0, poll(&entry, 1, 0));
  inner.perform([&] { ticks++; });
  EXPECT_EQ(1, poll(&entry, 1, 0));
  EXPECT_TRUE(inner.run_once(0ms).value());
  EXPECT_EQ(0, poll(&entry, 1, 0));
  EXPECT_EQ(3, ticks);
}

TEST_F(Loops, ALoopWhoseQueueIsClosedSaysSo) {
  run_loop broken;
  const loop_source source = broken.on_wake([] {}).value();
  close(broken.descriptor());
  EXPECT_TRUE(broken.run().error() == unix_err(EBADF));
  EXPECT_TRUE(broken.after(1ms, [] {}).error() == unix_err(EBADF));
  broken.perform([] {});
}

TEST_F(Loops, AForksChildLeavesTheLoopAlone) {
  Pair pair;
  int called = 0;
  auto mine = std::make_unique<run_loop>();
  loop_source source = mine->readable(pair.fd[0], [&] { called++; }).value();
  Child child([&] {
    const int same = dup2(pair.fd[1], mine->descriptor());  // the number is free here
    EXPECT_TRUE(mine->run().error() == unix_err(EBADF));
    source.cancel();
    mine.reset();
    EXPECT_GE(fcntl(same, F_GETFD), 0);
  });
  EXPECT_EQ(0, child.wait());
  pair.put("x");
  EXPECT_TRUE(mine->run_once(kPatience).value());
  EXPECT_EQ(1, called);
}

// --- misuse

using LoopsDeathTest = Loops;

TEST_F(LoopsDeathTest, WhatEndsTheProgram) {
  GTEST_FLAG_SET(death_test_style, "fast");
  EXPECT_DEATH(
      {
        run_loop mine;  // a fork's child does not have the parent's
        mine.perform([&] { static_cast<void>(mine.run_once(0ms)); });
        static_cast<void>(mine.run_once(0ms));
      },
      "in a handler of its own");
  EXPECT_DEATH(
      {
        run_loop mine;
        mine.perform([&] { std::thread([&] { static_cast<void>(mine.after(1ms, [] {})); }).join(); });
        static_cast<void>(mine.run_once(0ms));
      },
      "by another thread");
  EXPECT_DEATH(static_cast<void>(user_source().waker()), "never was");
  EXPECT_DEATH(static_cast<void>(loop.receive(receive_right(), [](received_message&) {})), "never was");
}

}  // namespace
}  // namespace api
