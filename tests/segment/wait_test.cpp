// SPDX-License-Identifier: Apache-2.0
// Sleeping on a frame and waking it: late wakes, wakes on behalf of the dead, and handlers that interrupt.
#include "segment/wait.hpp"

#include <gtest/gtest.h>

#include <thread>

#include "segment/futex.hpp"
#include "support/domain.hpp"

namespace portolan::test {
namespace {

constexpr uint64_t kMoment = 20'000'000, kLong = 20'000'000'000;

class Waits : public testing::Test {
 protected:
  Waits() { a.thread().spin.limit_ns = 0; }

  Frame& frame() { return a.thread().frame(); }
  uint64_t owed(uint32_t epoch) const { return uint64_t{epoch} << 32 | a.thread().frame_id(); }
  uint32_t begin() {
    frame().epoch.init(frame().epoch + 1);
    return frame().epoch;
  }
  void until_asleep(uint32_t epoch) {
    while (frame().sleeping.load() != epoch) std::this_thread::yield();
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }

  TestDomain domain;
  TestTask& a = domain.task();
};

TEST_F(Waits, AGrantThatCameFirstIsSeenAtOnce) {
  wake_frame(domain.segment(), owed(begin()), Payer::debtor);
  EXPECT_EQ(WaitEnd::granted, wait_for_grant(a.thread(), frame(), kNever, true));
}

TEST_F(Waits, ASleeperIsWoken) {
  const uint32_t epoch = begin();
  std::thread waker([&] {
    until_asleep(epoch);
    wake_frame(domain.segment(), owed(epoch), Payer::debtor);
  });
  EXPECT_EQ(WaitEnd::granted, wait_for_grant(a.thread(), frame(), monotonic_ns() + kLong, true));
  waker.join();
  EXPECT_EQ(0u, frame().sleeping.load());
}

TEST_F(Waits, AWakeOfAnEarlierWaitWakesNobody) {
  const uint32_t earlier = begin(), epoch = begin();
  std::thread waker([&] {
    until_asleep(epoch);
    wake_frame(domain.segment(), owed(earlier), Payer::debtor);
    wake_frame(domain.segment(), owed(earlier), Payer::heir);
  });
  EXPECT_EQ(WaitEnd::timed_out, wait_for_grant(a.thread(), frame(), monotonic_ns() + 4 * kMoment, true));
  waker.join();
}

// The waker died between taking the sleeper's word away and its system call. Whoever pays for it makes that
// call.
TEST_F(Waits, AnHeirWakesInAnyCase) {
  const uint32_t epoch = begin();
  std::thread waker([&] {
    until_asleep(epoch);
    frame().wake.store(epoch);
    frame().sleeping.store(0);
    wake_frame(domain.segment(), owed(epoch), Payer::heir);
  });
  const uint64_t start = monotonic_ns();
  EXPECT_EQ(WaitEnd::granted, wait_for_grant(a.thread(), frame(), start + kLong, true));
  waker.join();
}

TEST_F(Waits, AnInterruptedWaitEnds) {
  const uint32_t epoch = begin();
  uint32_t word = 0;
  a.thread().interrupt_word = &word;
  a.thread().interrupt_seen = 0;
  std::thread handler([&] {
    until_asleep(epoch);
    // As a handler does that runs in the thread itself; the system call is what the signal is to a real one.
    std::atomic_ref<uint32_t>(word).store(1);
    poke_own_frame(a.thread());
    futex_wake(frame().sleeping.address(), 1);
  });
  EXPECT_EQ(WaitEnd::interrupted, wait_for_grant(a.thread(), frame(), monotonic_ns() + kLong, true));
  handler.join();
  a.thread().interrupt_word = nullptr;
}

TEST_F(Waits, TimeRunsOut) {
  begin();
  const uint64_t start = monotonic_ns();
  EXPECT_EQ(WaitEnd::timed_out, wait_for_grant(a.thread(), frame(), start + kMoment, true));
  EXPECT_GE(monotonic_ns(), start + kMoment);
}

}  // namespace
}  // namespace portolan::test
