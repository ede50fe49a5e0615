// SPDX-License-Identifier: Apache-2.0
// The acting thread: what every kernel function gets handed instead of looking at globals. A `Thread&`
// parameter means "outside any transaction: may sleep, may settle".
#pragma once

#include "segment/segment.hpp"

namespace portolan {

// What one thread has learned about waiting for a moment before it sleeps.
struct Patience {
  uint32_t failures = 0, skip = 0;
};
struct SpinState {
  uint64_t limit_ns = 10'000;  // 0: never spin
  Patience spinning, yielding;
};

class Thread {
 public:
  Thread() = default;
  Thread(const Thread&) = delete;
  Thread& operator=(const Thread&) = delete;

  // Takes a free slot for a thread with this tid (0: a thread that exists only in a test) and marks it alive;
  // recovers abandoned slots of the same tid first. Puts no word on a robust list: see life.hpp. False: no
  // slot is left.
  bool attach(Segment& segment, uint32_t tid);
  // Gives the slot back. The thread holds nothing then: work that is left goes to launchd's list.
  void detach();
  bool attached() const { return index_ != 0; }

  Segment& segment() const { return *segment_; }
  ThreadSlot& slot() const { return *slot_; }
  uint32_t index() const { return index_; }
  Frame& frame() const { return slot_->frames[slot_->depth % kFrames]; }
  uint32_t frame_id() const { return index_ * kFrames + slot_->depth; }

  // For the layer above: the stack that acquires what the running trap acquires; 0: not recorded.
  uint32_t site = 0;
  uint64_t now_ns = 0;          // when, if sites are recorded
  int32_t message_id = 0;       // of the message that is being received, if any, …
  uint32_t message_sender = 0;  // … and the pid of its sender

  bool left_in_hand = false;  // a right could not be put away for want of memory: ipc::put_away
  bool to_settle = false;     // the transaction left something for UpperLayers::after_transaction
  bool rings = false;         // launchd is to look: paid with the wakes. It looks anyway when we die before
  SpinState spin;

  // A word of this process that a signal handler changes: a wait that is interruptible ends then. It is
  // compared with what it was at trap entry.
  const uint32_t* interrupt_word = nullptr;
  uint32_t interrupt_seen = 0;
  bool sleeps = false;  // or is about to: a handler that interrupts says so with poke_own_frame
  bool interrupted() const {
    return interrupt_word != nullptr && detail::load_relaxed(*interrupt_word) != interrupt_seen;
  }

 private:
  Segment* segment_ = nullptr;
  ThreadSlot* slot_ = nullptr;
  uint32_t index_ = 0;
};

}  // namespace portolan
