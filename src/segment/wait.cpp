// SPDX-License-Identifier: Apache-2.0
#include "segment/wait.hpp"

#include <errno.h>

#include <algorithm>

#include "segment/futex.hpp"

namespace portolan {

namespace {

// The first sleep is the cheapest there is: short, and on one word. Who sleeps longer watches launchd, too.
constexpr uint64_t kFirst = 250'000'000;
// How long a sleeper trusts that its waker, and launchd, would wake it.
constexpr uint64_t kBackstop = 60'000'000'000;
// The same while there is no launchd, which may be on its way.
constexpr uint64_t kUnwatched = 1'000'000'000;

bool granted(const Frame& frame) { return frame.wake.load(std::memory_order_acquire) == frame.epoch.get(); }

// Spinning pays only where the waker runs at the same time, on another CPU. After a failure as many waits as failures
// ran before, doubled each time, go straight to sleep.
bool spin(Thread& self, const Frame& frame) {
  SpinState& state = self.spin;
  if (state.limit_ns == 0) return false;
  if (state.skip != 0) {
    state.skip--;
    return false;
  }
  // Of those that share a CPU with who woke them last, one wait in many tries whether that is still so.
  const uint32_t peer = self.slot().peer.load();
  if (peer != 0 && self.segment().slot(peer).cpu.load() == self.slot().cpu.load() && (++state.same_cpu & 1023) != 0)
    return false;
  const uint64_t start = monotonic_ns();
  do {
    for (unsigned i = 0; i < 32; i++) {
      if (granted(frame)) {
        state.failures = 0;
        return true;
      }
      cpu_relax();
    }
  } while (monotonic_ns() - start < state.limit_ns);
  state.failures = std::min(state.failures + 1, 6u);
  state.skip = 1u << state.failures;
  return false;
}

// The sleeper's word is its wait's epoch while only a system call will wake it. Whoever takes that away wakes, whether
// it is the one who granted, or the sleeper's own signal handler, which needs no system call for it.
void sleep_once(Thread& self, Frame& frame, uint32_t epoch, uint64_t deadline_ns, unsigned round) {
  if (round == 0) {
    futex_wait_briefly({frame.sleeping.address(), epoch}, kFirst, deadline_ns);
    return;
  }
  Segment& segment = self.segment();
  FutexWait waits[2] = {{frame.sleeping.address(), epoch}};
  unsigned count = 1;
  const uint32_t launchd = segment.header().launchd.load();
  uint64_t backstop = kBackstop;
  LifeWord& life = segment.life(launchd);
  const uint32_t alive = life.word.load();
  if (launchd != 0 && !segment.is_dead(launchd)) {
    waits[count++] = {life.word.address(), alive};
  } else if (segment.launchd_died != nullptr) {
    segment.launchd_died(self);
    backstop = kUnwatched;
  }
  futex_wait_any(waits, count, std::min(deadline_ns, monotonic_ns() + backstop));
}

}  // namespace

WaitEnd wait_for_grant(Thread& self, Frame& frame, uint64_t deadline_ns, bool interruptible) {
  if (granted(frame) || spin(self, frame)) return WaitEnd::granted;
  const uint32_t epoch = frame.epoch;
  WaitEnd end = WaitEnd::granted;
  self.sleeps = true;
  for (unsigned round = 0;; round++) {
    frame.sleeping.store(epoch);
    std::atomic_thread_fence(std::memory_order_seq_cst);
    if (granted(frame)) break;
    if (interruptible && self.interrupted()) end = WaitEnd::interrupted;
    if (deadline_ns != kNever && monotonic_ns() >= deadline_ns) end = WaitEnd::timed_out;
    if (end != WaitEnd::granted) break;
    sleep_once(self, frame, epoch, deadline_ns, round);
  }
  self.sleeps = false;
  frame.sleeping.store(0);
  return end;
}

void wake_frame(Segment& segment, uint64_t owed, Payer payer) {
  Frame& frame = segment.frame(static_cast<uint32_t>(owed));
  const auto epoch = static_cast<uint32_t>(owed >> 32);
  uint32_t seen = frame.wake.load();
  do {
    if (static_cast<int32_t>(epoch - seen) < 0) return;
  } while (seen != epoch && !frame.wake.compare_exchange(seen, epoch));
  std::atomic_thread_fence(std::memory_order_seq_cst);
  uint32_t asleep = epoch;
  // Who died paying may have taken the epoch away and not made the call.
  const bool takes = frame.sleeping.load() == epoch && frame.sleeping.compare_exchange(asleep, 0);
  if (takes || payer == Payer::heir) futex_wake(frame.sleeping.address(), 1);
}

void poke_own_frame(Thread& self) { self.frame().sleeping.store(0); }

}  // namespace portolan
