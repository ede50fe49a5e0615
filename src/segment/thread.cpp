// SPDX-License-Identifier: Apache-2.0
#include "segment/thread.hpp"

#include <linux/futex.h>

#include "segment/futex.hpp"
#include "segment/recovery.hpp"
#include "segment/txn.hpp"
#include "segment/zone.hpp"

namespace portolan {

namespace {

// A free slot, made ours; 0 when there is none.
uint32_t take_slot(Segment& segment) {
  Header& header = segment.header();
  for (;;) {
    const uint32_t high = header.threads_high.load(std::memory_order_acquire);
    for (uint32_t i = 1; i < high; i++) {
      uint32_t free = kSlotFree;
      if (segment.slot(i).state.load() == kSlotFree && segment.slot(i).state.compare_exchange(free, kSlotAttaching))
        return i;
    }
    if (high >= header.max_threads) return 0;
    if (!segment.populate(segment.offset_of(&segment.slot(high)), sizeof(ThreadSlot)) ||
        !segment.populate(segment.offset_of(&segment.life(high)), sizeof(LifeWord)))
      return 0;
    uint32_t expected = high;
    header.threads_high.compare_exchange(expected, high + 1);
  }
}

void reset(ThreadSlot& slot) {
  slot.stage1.store(0);
  slot.claim.store(0);
  slot.task.init(0);
  slot.kernel_port.init(0);
  slot.depth.init(0);
  slot.peer.store(0);
  slot.waits_on.store(0);
  slot.pthread.store(0);
}

}  // namespace

bool Thread::attach(Segment& segment, uint32_t tid) {
  if (tid != 0) {
    for (uint32_t i = 1; i < segment.header().threads_high.load(); i++) {
      ThreadSlot& slot = segment.slot(i);
      if (slot.state.load() != kSlotFree && slot.tid.load() == tid) declare_dead(segment, i);
    }
  }
  const uint32_t index = take_slot(segment);
  if (index == 0) return false;
  ThreadSlot& slot = segment.slot(index);
  reset(slot);
  slot.incarnation.fetch_add(1);
  slot.tid.store(tid);
  segment.life(index).word.store((tid == 0 ? index : tid) | FUTEX_WAITERS, std::memory_order_release);
  segment_ = &segment;
  slot_ = &slot;
  index_ = index;
  slot.cpu.store(current_cpu());
  slot.state.store(kSlotLive, std::memory_order_release);
  return true;
}

void Thread::detach() {
  settle(*this);
  store_freed(*this, *slot_);
  empty_magazines(*this, *slot_);
  // What could not be settled for want of memory is left to whoever recovers this slot.
  if (slot_->work_head != 0) {
    declare_dead(*segment_, index_);
  } else {
    segment_->life(index_).word.store(0);
    slot_->tid.store(0);
    slot_->state.store(kSlotFree, std::memory_order_release);
  }
  index_ = 0;
  slot_ = nullptr;
}

}  // namespace portolan
