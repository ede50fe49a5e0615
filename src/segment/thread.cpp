// SPDX-License-Identifier: Apache-2.0
#include "segment/thread.hpp"

#include <linux/futex.h>

#include "segment/futex.hpp"
#include "segment/recovery.hpp"
#include "segment/txn.hpp"
#include "segment/zone.hpp"

namespace portolan {

namespace {

// For threads that exist only in a test: no tid that Linux gives out.
constexpr uint32_t kNobody = 0xffffffff;

// Takes a free slot for its new owner: false, and nothing has changed, if somebody else has it or is not done
// with it. If we die here: the slot is free and bears the id of a thread that is gone; who looks for those
// takes it off.
bool take(Segment& segment, uint32_t index, uint32_t tid) {
  ThreadSlot& slot = segment.slot(index);
  if (slot.state.load() != kSlotFree) return false;
  uint32_t nobody = 0;
  if (!slot.tid.compare_exchange(nobody, tid == 0 ? kNobody : tid)) return false;
  LifeWord& life = segment.life(index);
  const uint32_t before = life.word.load();
  life.word.store((tid == 0 ? index : tid) | FUTEX_WAITERS, std::memory_order_release);
  std::atomic_thread_fence(std::memory_order_seq_cst);
  // Somebody may still think that the owner before us is to be recovered. Who claims the slot from now on
  // sees that it is alive; with who has claimed it we do not quarrel, unless that one is dead.
  uint32_t holder = slot.claim.load(std::memory_order_acquire);
  const bool stale = holder != 0 && segment.is_dead(holder) && slot.claim.compare_exchange(holder, 0);
  if (slot.state.load() == kSlotFree && (holder == 0 || stale)) return true;
  if (slot.state.load() == kSlotFree) life.word.store(before);
  slot.tid.store(0);
  return false;
}

// A free slot, made ours; 0 when there is none.
uint32_t take_slot(Segment& segment, uint32_t tid) {
  Header& header = segment.header();
  for (;;) {
    const uint32_t high = segment.threads_high();
    for (uint32_t i = 1; i < high; i++)
      if (take(segment, i, tid)) return i;
    if (high >= segment.max_threads()) return 0;
    if (!segment.populate(segment.offset_of(&segment.slot(high)), sizeof(ThreadSlot)) ||
        !segment.populate(segment.offset_of(&segment.life(high)), sizeof(LifeWord)))
      return 0;
    uint32_t expected = high;
    header.threads_high.compare_exchange(expected, high + 1);
  }
}

void reset(ThreadSlot& slot) {
  slot.stage1.store(0);
  slot.task.init(0);
  slot.kernel_port.init(0);
  slot.actions.init(0);
  slot.depth.init(0);
  slot.peer.store(0);
  slot.waits_on.store(0);
  slot.pthread.store(0);
}

}  // namespace

bool Thread::attach(Segment& segment, uint32_t tid) {
  if (tid != 0) {
    for (uint32_t i = 1; i < segment.threads_high(); i++) {
      ThreadSlot& slot = segment.slot(i);
      if (slot.tid.load() != tid) continue;
      if (slot.state.load() != kSlotFree)
        declare_dead(segment, i, tid);
      else
        slot.tid.store(0);  // it died as it attached
    }
  }
  const uint32_t index = take_slot(segment, tid);
  if (index == 0) return false;
  ThreadSlot& slot = segment.slot(index);
  reset(slot);
  slot.incarnation.fetch_add(1);
  segment_ = &segment;
  slot_ = &slot;
  index_ = index;
  slot.cpu.store(current_cpu());
  slot.state.store(kSlotLive, std::memory_order_release);
  if (tid == 0) slot.tid.store(0);
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
    // As long as it bears our id nobody else takes it; if we die in between, that is taken off.
    slot_->state.store(kSlotFree, std::memory_order_release);
    segment_->life(index_).word.store(0);
    slot_->tid.store(0, std::memory_order_release);
  }
  index_ = 0;
  slot_ = nullptr;
}

}  // namespace portolan
