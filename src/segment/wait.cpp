// SPDX-License-Identifier: Apache-2.0
#include "segment/wait.hpp"

#include <errno.h>

#include <algorithm>

#include "segment/futex.hpp"

namespace portolan {

namespace {

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
  const uint32_t peer = self.slot().peer.load();
  if (peer != 0 && self.segment().slot(peer).cpu.load() == self.slot().cpu.load() && (++state.same_cpu & 63) != 0)
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

}  // namespace

WaitEnd wait_for_grant(Thread& self, Frame& frame, uint64_t deadline_ns, bool interruptible) {
  if (granted(frame) || spin(self, frame)) return WaitEnd::granted;
  Segment& segment = self.segment();
  for (;;) {
    if (interruptible && self.interrupted()) return WaitEnd::interrupted;
    frame.sleeping.store(1, std::memory_order_seq_cst);
    std::atomic_thread_fence(std::memory_order_seq_cst);
    const uint32_t seen = frame.wake.load(std::memory_order_acquire);
    if (seen == frame.epoch) break;
    const uint64_t now = monotonic_ns();
    if (now >= deadline_ns) {
      frame.sleeping.store(0);
      return WaitEnd::timed_out;
    }
    FutexWait waits[3] = {{frame.wake.address(), seen}};
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
    if (interruptible && self.interrupt_word != nullptr)
      waits[count++] = {self.interrupt_word, self.interrupt_seen, true};
    futex_wait_any(waits, count, std::min(deadline_ns, now + backstop));
  }
  frame.sleeping.store(0);
  return WaitEnd::granted;
}

void wake_frame(Segment& segment, uint64_t owed) {
  Frame& frame = segment.frame(static_cast<uint32_t>(owed));
  const auto epoch = static_cast<uint32_t>(owed >> 32);
  uint32_t seen = frame.wake.load();
  do {
    if (static_cast<int32_t>(epoch - seen) <= 0) return;
  } while (!frame.wake.compare_exchange(seen, epoch));
  std::atomic_thread_fence(std::memory_order_seq_cst);
  if (frame.sleeping.load() != 0) futex_wake(frame.wake.address(), 1);
}

}  // namespace portolan
