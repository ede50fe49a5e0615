// SPDX-License-Identifier: Apache-2.0
// EVFILT_TIMER (kqueue 7.8). A repeating timer stays on the grid of its start; a period that has begun to
// wait for its delivery needs no more wake-ups, so that the timer is set again by the delivery. Divergence:
// NOTE_LEEWAY, NOTE_CRITICAL and NOTE_BACKGROUND are checked and remembered, and nothing is put off for them.
#include <errno.h>
#include <time.h>

#include "kqueue/filters.hpp"
#include "kqueue/timers.hpp"

namespace portolan::kq {
namespace {

constexpr uint32_t kUnits = NOTE_SECONDS | NOTE_USECONDS | NOTE_NSECONDS | NOTE_MACHTIME;
constexpr uint64_t kFarOff = INT64_MAX;

struct TimerKnote : Knote {
  Timers* timers = nullptr;
  Timer timer;
  uint64_t base = 0;      // where the period that was not told yet began
  uint64_t interval = 0;  // 0: expires once
  uint64_t leeway = 0;
};

// What a change asks for.
struct Plan {
  int clock = CLOCK_MONOTONIC;
  bool absolute = false;
  int64_t value = 0;  // nanoseconds
  int64_t leeway = 0;
};

// False: it overflows.
bool to_nanoseconds(uint32_t fflags, int64_t value, int64_t& ns) {
  switch (fflags & kUnits) {
    case NOTE_SECONDS:
      return !__builtin_mul_overflow(value, int64_t{1'000'000'000}, &ns);
    case NOTE_USECONDS:
      return !__builtin_mul_overflow(value, int64_t{1'000}, &ns);
    case NOTE_NSECONDS:
    case NOTE_MACHTIME:
      ns = value;
      return true;
    default:
      return !__builtin_mul_overflow(value, int64_t{1'000'000}, &ns);
  }
}

int make_plan(uint32_t fflags, int64_t data, uint64_t leeway, Plan& plan) {
  const uint32_t unit = fflags & kUnits;
  if ((unit & (unit - 1)) != 0) return EINVAL;
  if (!to_nanoseconds(fflags, data, plan.value)) return ERANGE;
  if ((fflags & NOTE_LEEWAY) != 0 && !to_nanoseconds(fflags, static_cast<int64_t>(leeway), plan.leeway))
    return ERANGE;
  plan.absolute = (fflags & NOTE_ABSOLUTE) != 0;
  if (plan.absolute && plan.value < 0) return ERANGE;
  if ((fflags & NOTE_MACH_CONTINUOUS_TIME) != 0) plan.clock = CLOCK_BOOTTIME;
  return 0;
}

uint64_t deadline_of(const Plan& plan, uint32_t fflags, uint64_t now) {
  if (!plan.absolute) return plan.value > 0 ? now + static_cast<uint64_t>(plan.value) : now;
  if ((fflags & NOTE_MACHTIME) != 0) return static_cast<uint64_t>(plan.value);
  // Once and for all: later steps of the wall clock do not move it.
  struct timespec wall;
  clock_gettime(CLOCK_REALTIME, &wall);
  const int64_t wall_ns = static_cast<int64_t>(wall.tv_sec) * 1'000'000'000 + wall.tv_nsec;
  return plan.value <= wall_ns ? now : now + static_cast<uint64_t>(plan.value - wall_ns);
}

class TimerFilter final : public FilterOf<TimerKnote> {
 public:
  constexpr TimerFilter() : FilterOf(false) {}

  int attach(Kqueue& kqueue, Knote& knote) const override {
    Plan plan;
    if (const int error = make_plan(knote.wanted, knote.given, knote.ext[1], plan)) return error;
    Timers* timers = Timers::of(kqueue, plan.clock);
    if (timers == nullptr) return errno;
    TimerKnote& timer = own(knote);
    timer.timer.knote = &timer;
    knote.flags |= EV_CLEAR;
    if (plan.absolute) knote.flags |= EV_ONESHOT;
    timers->join();
    timer.timers = timers;
    const int error = start(kqueue, timer, plan);
    if (error != 0) timers->leave(kqueue);
    return error;
  }

  void detach(Kqueue& kqueue, Knote& knote) const override {
    TimerKnote& timer = own(knote);
    timer.timers->remove(timer.timer);
    timer.timers->leave(kqueue);
  }

  // Starts anew, and what has expired and was not told is forgotten.
  int touch(Kqueue& kqueue, Knote& knote, const Event& change) const override {
    TimerKnote& timer = own(knote);
    if (((change.fflags ^ timer.wanted) & NOTE_ABSOLUTE) != 0) return EINVAL;
    Plan plan;
    if (const int error = make_plan(change.fflags, change.data, change.ext[1], plan)) return error;
    Timers* timers = Timers::of(kqueue, plan.clock);
    if (timers == nullptr) return errno;
    timers->join();
    timer.timers->remove(timer.timer);
    timer.timers->leave(kqueue);
    timer.timers = timers;
    timer.wanted = change.fflags;
    timer.given = change.data;
    kqueue.deactivate(timer);
    return start(kqueue, timer, plan);
  }

  Verdict deliver(Kqueue&, Knote& knote, Event& out, DataArea&) const override {
    TimerKnote& timer = own(knote);
    out.ext[0] = 0;
    out.ext[1] = timer.leeway;
    out.data = 1;
    if (timer.interval == 0) return Verdict::holds;
    const uint64_t periods = (timer.timers->now() - timer.base) / timer.interval;
    if (periods == 0) return Verdict::stale;
    timer.base += periods * timer.interval;
    out.data = static_cast<int64_t>(periods);
    timer.timer.deadline = timer.base + timer.interval;
    // It was in the heap before: there is room.
    if (timer.timer.place == 0) timer.timers->add(timer.timer);
    return Verdict::holds;
  }

 private:
  static int start(Kqueue& kqueue, TimerKnote& timer, const Plan& plan) {
    const uint64_t now = timer.timers->now();
    timer.leeway = static_cast<uint64_t>(plan.leeway);
    timer.base = now;
    timer.interval = plan.absolute || plan.value <= 0 ? 0 : static_cast<uint64_t>(plan.value);
    timer.timer.deadline = deadline_of(plan, timer.wanted, now);
    if (timer.timer.deadline <= now) {
      kqueue.activate(timer);
      return 0;
    }
    return timer.timer.deadline > kFarOff ? 0 : timer.timers->add(timer.timer);
  }
};

constexpr TimerFilter g_filter;

}  // namespace

const Filter* filter_timer() { return &g_filter; }

}  // namespace portolan::kq
