// SPDX-License-Identifier: Apache-2.0
#include "segment/wait.hpp"

#include <errno.h>
#include <sched.h>

#include <algorithm>

#include "segment/futex.hpp"
#include "segment/guard.hpp"

namespace portolan {

namespace {

// The first sleep is the cheapest there is: short, and on one word. Who sleeps longer watches launchd, too.
constexpr uint64_t kFirst = 250'000'000;
// How long a sleeper trusts that its waker, and launchd, would wake it. Where the file was cut short nobody
// can: the word that it sleeps on is gone.
constexpr uint64_t kBackstop = 5'000'000'000;
// The same while there is no launchd, which may be on its way.
constexpr uint64_t kUnwatched = 1'000'000'000;

bool granted(const Frame& frame) { return frame.wake.load(std::memory_order_acquire) == frame.epoch.get(); }

// Failures in a row of one way to wait, and how many waits it is left out for after that: twice as many each
// time.
bool worth_trying(Patience& patience) {
  if (patience.skip == 0) return true;
  patience.skip--;
  return false;
}
void succeeded(Patience& patience) { patience.failures = 0; }
void failed(Patience& patience, uint32_t most) {
  patience.failures = std::min(patience.failures + 1, most);
  patience.skip = 1u << patience.failures;
}

// Where the waker runs at the same time, on another CPU, a grant comes soon.
bool spin(Thread& self, const Frame& frame) {
  SpinState& state = self.spin;
  if (state.limit_ns == 0 || !worth_trying(state.spinning)) return false;
  const uint64_t start = monotonic_ns();
  do {
    for (unsigned i = 0; i < 32; i++) {
      if (granted(frame)) {
        succeeded(state.spinning);
        return true;
      }
      cpu_relax();
    }
  } while (monotonic_ns() - start < state.limit_ns);
  failed(state.spinning, 6);
  return false;
}

// Giving way saves a microsecond, or loses as long as somebody else runs, which may be milliseconds. Whoever
// lost does without it for two waits a microsecond: what it loses in the long run is half of what it saves.
constexpr uint64_t kLong = 50'000, kSoon = 1'000'000;
void pay_for(Patience& yielding, uint64_t lost_ns) {
  yielding.skip = static_cast<uint32_t>(std::min<uint64_t>(lost_ns / 500, 1u << 20));
}

struct Awake {
  bool granted = false;
  uint64_t lost_ns = 0;  // by giving way, if the waker was ready to run then
};

// Where the waker runs on our own CPU, it has to run first, and one system call is less than two of ours and
// one of its own.
Awake give_way(Thread& self, const Frame& frame) {
  Patience& yielding = self.spin.yielding;
  if (!worth_trying(yielding)) return {};
  const uint64_t start = monotonic_ns();
  sched_yield();
  const bool came = granted(frame);
  const uint64_t took = monotonic_ns() - start, lost = took > kLong ? took : 0;
  if (!came) {
    failed(yielding, 6);
    return {false, lost};
  }
  succeeded(yielding);
  if (lost != 0) pay_for(yielding, lost);
  return {true, 0};
}

Awake wait_awake(Thread& self, const Frame& frame) {
  if (granted(frame)) return {true, 0};
  const uint32_t peer = self.slot().peer.load();
  const bool same_cpu = peer != 0 && self.segment().slot(peer).cpu.load() == self.slot().cpu.load();
  if (same_cpu) return give_way(self, frame);
  return {spin(self, frame), 0};
}

// The sleeper's word is its wait's epoch while only a system call will wake it. Whoever takes that away
// wakes, whether it is the one who granted, or the sleeper's own signal handler, which needs no system call
// for it.
void sleep_once(Thread& self, Frame& frame, uint32_t epoch, uint64_t deadline_ns, unsigned round) {
  if (round == 0) {
    const GuardAsleep closed;
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
  const GuardAsleep closed;
  futex_wait_any(waits, count, std::min(deadline_ns, monotonic_ns() + backstop));
}

}  // namespace

WaitEnd wait_for_grant(Thread& self, Frame& frame, uint64_t deadline_ns, bool interruptible) {
  const Awake awake = wait_awake(self, frame);
  if (awake.granted) return WaitEnd::granted;
  const uint64_t asleep = awake.lost_ns != 0 ? monotonic_ns() : 0;
  const uint32_t epoch = frame.epoch;
  WaitEnd end = WaitEnd::granted;
  self.sleeps = true;
  for (unsigned round = 0;; round++) {
    // Sequentially consistent, as are the two in wake_frame: one of the two sides sees what the other did.
    frame.sleeping.store(epoch, std::memory_order_seq_cst);
    if (frame.wake.load(std::memory_order_seq_cst) == epoch) break;
    if (self.segment().header().lost.load() != 0) kernel_panic("the domain is lost");
    if (interruptible && self.interrupted()) end = WaitEnd::interrupted;
    if (deadline_ns != kNever && monotonic_ns() >= deadline_ns) end = WaitEnd::timed_out;
    if (end != WaitEnd::granted) break;
    sleep_once(self, frame, epoch, deadline_ns, round);
  }
  self.sleeps = false;
  frame.sleeping.store(0);
  // It was there, and ready to run, when somebody else got the CPU that we gave up: not so if it took its
  // time.
  if (asleep != 0 && end == WaitEnd::granted && monotonic_ns() - asleep < kSoon)
    pay_for(self.spin.yielding, awake.lost_ns);
  return end;
}

void wake_frame(Segment& segment, uint64_t owed, Payer payer) {
  Frame& frame = segment.frame(static_cast<uint32_t>(owed));
  const auto epoch = static_cast<uint32_t>(owed >> 32);
  uint32_t seen = frame.wake.load();
  do {
    if (static_cast<int32_t>(epoch - seen) < 0) return;
  } while (seen != epoch && !frame.wake.compare_exchange(seen, epoch, std::memory_order_seq_cst));
  uint32_t asleep = epoch;
  // Who died paying may have taken the epoch away and not made the call.
  const bool takes =
      frame.sleeping.load(std::memory_order_seq_cst) == epoch && frame.sleeping.compare_exchange(asleep, 0);
  if (takes || payer == Payer::heir) futex_wake(frame.sleeping.address(), 1);
}

void poke_own_frame(Thread& self) { self.frame().sleeping.store(0); }

}  // namespace portolan
