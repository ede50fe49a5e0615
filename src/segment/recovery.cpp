// SPDX-License-Identifier: Apache-2.0
#include "segment/recovery.hpp"

#include <linux/futex.h>

#include "segment/futex.hpp"
#include "segment/txn.hpp"
#include "segment/wait.hpp"
#include "segment/zone.hpp"

namespace portolan {

namespace {

constexpr unsigned kRecoverersMost = 64;

void quarantine(Segment& segment) { segment.header().quarantined.fetch_add(1); }

void undo_dead_log(Segment& segment, ThreadSlot& slot) {
  uint32_t length = slot.log_length.load();
  if (length > kLogMax) {
    quarantine(segment);
    length = 0;
  }
  while (length-- != 0)
    if (!restore_word(segment, slot.log[length].where.load(), slot.log[length].old.load()))
      quarantine(segment);
  crash_fence();
  slot.log_length.store(0);
  crash_fence();
}

void free_dead_locks(Segment& segment, ThreadSlot& slot, uint32_t victim) {
  uint32_t count = slot.held_count.load();
  if (count > kHeldMax) {
    quarantine(segment);
    count = kHeldMax;
  }
  while (count-- != 0) {
    const uint64_t offset = uint64_t{slot.held[count].load()} << 2;
    if (offset + sizeof(LockWord) > segment.size()) {
      quarantine(segment);
      continue;
    }
    auto& word = *reinterpret_cast<LockWord*>(segment.base() + offset);
    if (word.release_from(victim)) futex_wake(word.address(), 1);
  }
  crash_fence();
  slot.held_count.store(0);
}

void stage1(Segment& segment, ThreadSlot& slot, uint32_t victim);
bool claim(Thread& self, ThreadSlot& slot, unsigned depth = 0);

// Takes a claim over from a recoverer that died, but only after its own open transaction, which may have been
// at this very slot, is undone. Its slot is claimed meanwhile, so that it does not come to belong to somebody
// alive.
bool take_over(Thread& self, ThreadSlot& slot, uint32_t holder, unsigned depth) {
  Segment& segment = self.segment();
  ThreadSlot& other = segment.slot(holder);
  if (depth == kRecoverersMost) {
    quarantine(segment);  // no chain of recoverers, each killed at the next, is so long
    return false;
  }
  const bool claimed_before = other.claim.load() == self.index();
  if (!claim(self, other, depth + 1)) return false;
  const bool dead = segment.is_dead(holder) && other.state.load() != kSlotFree;
  if (dead) stage1(segment, other, holder);
  uint32_t expected = holder;
  const bool taken = dead && slot.claim.compare_exchange(expected, self.index());
  if (!claimed_before) other.claim.store(0, std::memory_order_release);
  return taken;
}

// The claim is held when this returns true. False: somebody alive has it, or had it just now.
bool claim(Thread& self, ThreadSlot& slot, unsigned depth) {
  uint32_t holder = slot.claim.load();
  if (holder == self.index()) return true;
  if (holder != 0) {
    if (!self.segment().is_dead(holder) || !take_over(self, slot, holder, depth)) return false;
  } else if (!slot.claim.compare_exchange(holder, self.index())) {
    return false;
  }
  std::atomic_thread_fence(
      std::memory_order_seq_cst);  // against Thread::attach, which looks the other way round
  return true;
}

// What a recoverer that died had claimed is free for others. Its own slot is not: afterwards that may belong
// to somebody alive, whose claims these would seem to be.
void drop_claims(Segment& segment, uint32_t dead) {
  for (uint32_t i = 1; i < segment.threads_high(); i++) {
    uint32_t holder = dead;
    if (segment.slot(i).claim.load() == dead) segment.slot(i).claim.compare_exchange(holder, 0);
  }
}

void stage1(Segment& segment, ThreadSlot& slot, uint32_t victim) {
  if (slot.stage1.load() != 0) return;
  undo_dead_log(segment, slot);
  free_dead_locks(segment, slot, victim);
  crash_fence();
  slot.stage1.store(1);
}

void pay_dead_wakes(Segment& segment, ThreadSlot& slot) {
  uint32_t count = slot.owed_count;
  if (count > kOwedMax) {
    quarantine(segment);
    count = 0;
  }
  for (uint32_t i = 0; i < count; i++) {
    const uint64_t owed = slot.owed[i];
    if (static_cast<uint32_t>(owed) / kFrames < segment.max_threads())
      wake_frame(segment, owed, Payer::heir);
    else
      quarantine(segment);
  }
  crash_fence();
  slot.owed_count.init(0);
}

void distrust_counts(Segment& segment, ThreadSlot& slot) {
  if (slot.pending_count > kPendingMax) {
    quarantine(segment);
    slot.pending_count.init(0);
  }
  for (uint32_t i = 0; i < slot.pending_count; i++) {
    const uint64_t entry = slot.pending[i];
    if (!segment.plausible(static_cast<unsigned>(entry >> 32), static_cast<uint32_t>(entry))) {
      quarantine(segment);
      slot.pending_count.init(i);
    }
  }
  for (unsigned id = 0; id < kMaxZones; id++) {
    Magazine& magazine = slot.magazines[id];
    if (magazine.count > kMagazineMax) {
      quarantine(segment);
      magazine.count.init(0);
    }
    for (uint32_t i = 0; i < magazine.count; i++) {
      if (segment.plausible(id, magazine.item[i])) continue;
      quarantine(segment);
      magazine.count.init(i);
    }
  }
}

// Is anything left to be finished? Then there was no memory for it.
bool unfinished(const ThreadSlot& slot) {
  for (const Frame& frame : slot.frames) {
    if (frame.state != 0) return true;
    for (const Hold& hold : frame.holds)
      if (hold.kind != 0) return true;
  }
  return slot.pending_count != 0;
}

}  // namespace

bool restore_word(Segment& segment, uint64_t where, uint64_t old) {
  const uint64_t offset = where >> 4, size = where & 15;
  if ((size != 1 && size != 2 && size != 4 && size != 8) || offset % size != 0) return false;
  if (offset < sizeof(Header) && offset < offsetof(Header, roots)) return false;
  if (offset + size > segment.size()) return false;
  std::byte* word = segment.base() + offset;
  switch (size) {
    case 1:
      detail::store_relaxed(*reinterpret_cast<uint8_t*>(word), static_cast<uint8_t>(old));
      break;
    case 2:
      detail::store_relaxed(*reinterpret_cast<uint16_t*>(word), static_cast<uint16_t>(old));
      break;
    case 4:
      detail::store_relaxed(*reinterpret_cast<uint32_t*>(word), static_cast<uint32_t>(old));
      break;
    default:
      detail::store_relaxed(*reinterpret_cast<uint64_t*>(word), old);
      break;
  }
  return true;
}

bool recover_locks(Thread& self, uint32_t victim) {
  Segment& segment = self.segment();
  ThreadSlot& slot = segment.slot(victim);
  if (slot.stage1.load() != 0) return true;
  const bool claimed_before = slot.claim.load() == self.index();
  if (!claim(self, slot)) return false;
  if (segment.is_dead(victim) && slot.state.load() != kSlotFree) stage1(segment, slot, victim);
  if (!claimed_before) slot.claim.store(0, std::memory_order_release);
  return true;
}

void adopt_work(Thread& self, ThreadSlot& from) {
  if (from.work_head == 0) return;
  section(self, [&](Txn& txn) {
    ThreadSlot& mine = self.slot();
    const uint32_t head = from.work_head, tail = mine.work_tail;
    if (tail == 0)
      txn.set(mine.work_head, head);
    else
      txn.set(self.segment().element(work_zone(tail), work_index(tail)).work, head);
    txn.set(mine.work_tail, from.work_tail);
    txn.set(from.work_head, 0);
    txn.set(from.work_tail, 0);
    return 0;
  });
}

bool recover_thread(Thread& self, uint32_t victim) {
  Segment& segment = self.segment();
  ThreadSlot& slot = segment.slot(victim);
  if (victim == self.index() || !segment.is_dead(victim) || slot.state.load() == kSlotFree) return false;
  if (!claim(self, slot)) return false;
  if (!segment.is_dead(victim) || slot.state.load() == kSlotFree) {
    slot.claim.store(0);
    return false;
  }
  stage1(segment, slot, victim);
  pay_dead_wakes(segment, slot);
  distrust_counts(segment, slot);
  store_freed(self, slot);
  for (Frame& frame : slot.frames) {
    if (frame.state != 0) segment.upper->finish_wait(self, slot, victim, frame);
    for (Hold& hold : frame.holds)
      if (hold.kind != 0) segment.upper->finish_hold(self, slot, hold);
  }
  adopt_work(self, slot);
  settle(self);
  if (segment.upper != nullptr && segment.upper->finish_thread != nullptr)
    segment.upper->finish_thread(self, slot);
  store_freed(self, slot);
  if (unfinished(slot)) {
    slot.claim.store(0, std::memory_order_release);
    return false;
  }
  empty_magazines(self, slot);
  slot.depth.init(0);
  drop_claims(segment, victim);
  segment.header().recovered.fetch_add(1);
  // If it was launchd's there is none from now on: the slot's next owner is not to be taken for it.
  uint32_t launchd = victim;
  segment.header().launchd.compare_exchange(launchd, 0);
  // Once it is free nobody takes it before the claim on it ends. The life word goes on saying dead until
  // then: so it is recovered again if we die before it is free.
  slot.tid.store(0);
  slot.state.store(kSlotFree, std::memory_order_release);
  crash_fence();
  slot.claim.store(0, std::memory_order_release);
  return true;
}

unsigned recover_dead_threads(Thread& self) {
  Segment& segment = self.segment();
  unsigned recovered = 0;
  for (uint32_t i = 1; i < segment.threads_high(); i++)
    if (segment.is_dead(i) && recover_thread(self, i)) recovered++;
  return recovered;
}

void declare_dead(Segment& segment, uint32_t victim) { segment.life(victim).word.fetch_or(FUTEX_OWNER_DIED); }

void declare_dead(Segment& segment, uint32_t victim, uint32_t tid) {
  Hint<uint32_t>& word = segment.life(victim).word;
  uint32_t seen = word.load();
  while ((seen & FUTEX_TID_MASK) == tid && !word.compare_exchange(seen, seen | FUTEX_OWNER_DIED)) {
  }
}

void recover_own_section(Thread& self) {
  Segment& segment = self.segment();
  ThreadSlot& slot = self.slot();
  undo_dead_log(segment, slot);
  free_dead_locks(segment, slot, self.index());
  pay_dead_wakes(segment, slot);
  store_freed(self, slot);
}

}  // namespace portolan
