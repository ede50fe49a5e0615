// SPDX-License-Identifier: Apache-2.0
// The timers of one queue on one clock: a heap by deadline, and a timerfd that is set to the earliest.
// Belongs to the queue's lock.
#pragma once

#include <cstdint>

#include "kqueue/kqueue.hpp"

namespace portolan::kq {

struct Timer {
  uint64_t deadline = 0;  // nanoseconds on its clock
  uint32_t place = 0;     // in the heap, from 1; 0: not waiting
  Knote* knote = nullptr;
};

class Timers {
 public:
  // null, with errno: there is none yet, and none can be made.
  static Timers* of(Kqueue& kqueue, int clock);

  // 0 or ENOMEM. The timer expires once: then it is taken out, and its knote activated.
  int add(Timer& timer);
  void remove(Timer& timer);
  uint64_t now() const;

  // One more knote uses it, or one fewer; the last takes it down.
  void join() { users_++; }
  void leave(Kqueue& kqueue);

 private:
  static void ready(Kqueue& kqueue, Source& source);
  void place(uint32_t at, Timer* timer);
  void sift(uint32_t at);
  void set();

  int clock_ = 0;
  unsigned slot_ = 0;
  Source* source_ = nullptr;
  Timer** heap_ = nullptr;  // from 1
  uint32_t count_ = 0, room_ = 0, users_ = 0;
  uint64_t set_to_ = 0;  // 0: not set
};

}  // namespace portolan::kq
