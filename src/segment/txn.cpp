// SPDX-License-Identifier: Apache-2.0
// Transactions: logging, locking, restarting, committing. See txn.hpp for the contract.
#include "segment/txn.hpp"

#include "segment/futex.hpp"
#include "segment/guard.hpp"
#include "segment/planted.hpp"
#include "segment/recovery.hpp"
#include "segment/refusal.hpp"
#include "segment/wait.hpp"
#include "segment/zone.hpp"

namespace portolan {

namespace {

constexpr unsigned kSpin = 200;
constexpr unsigned kDoubtsMost = 3;
constexpr uint64_t kBackstop = 1'000'000'000;

void undo_log(Segment& segment, ThreadSlot& slot) {
  const uint32_t length = slot.log_length.load();
  if (length > kLogMax) kernel_panic("a log is longer than it can be");
  for (uint32_t i = length; i-- > 0;) restore_word(segment, slot.log[i].where.load(), slot.log[i].old.load());
  crash_fence();
  slot.log_length.store(0);
}

// Whoever takes a lock has noted it before. A word that names somebody else was damaged: nobody will free it.
bool noted(const ThreadSlot& slot, uint32_t at) {
  for (uint32_t i = 0; i < slot.held_count.load() && i < kHeldMax; i++)
    if (slot.held[i].load() == at) return true;
  return false;
}

// Takes the word however long it takes, recovering a dead holder. Nothing else is held.
void sleep_until_acquired(Thread& self, LockWord& word) {
  Segment& segment = self.segment();
  ThreadSlot& slot = self.slot();
  const auto at = static_cast<uint32_t>(segment.offset_of(&word) >> 2);
  slot.waits_on.store(at);
  for (unsigned doubts = 0;;) {
    if (segment.header().lost.load() != 0) kernel_panic("the domain is lost");
    const uint32_t seen = word.load();
    if (seen == 0) {
      if (word.try_acquire(self.index(), LockWord::kContended)) break;
      continue;
    }
    const uint32_t owner = seen & ~LockWord::kContended;
    if (owner >= segment.max_threads()) kernel_panic("a lock word names no thread");
    // Who will free it: its holder, or, where somebody alive is recovering a dead one, that recoverer, which
    // may be stopped.
    uint32_t frees = owner;
    if (segment.is_dead(owner)) {
      if (recover_locks(self, owner)) continue;
      frees = segment.slot(owner).claim.load();
      if (frees == 0 || frees >= segment.max_threads()) continue;
    }
    if ((seen & LockWord::kContended) == 0 && !word.mark_contended(seen)) continue;
    LifeWord& life = segment.life(frees);
    const uint32_t alive = life.word.load();
    if (segment.is_dead(frees)) continue;
    const FutexWait waits[2] = {{word.address(), owner | LockWord::kContended}, {life.word.address(), alive}};
    const GuardAsleep closed;
    futex_wait_any(waits, 2, monotonic_ns() + kBackstop);
    const bool odd = word.load() == (owner | LockWord::kContended) && !noted(segment.slot(owner), at);
    if (!odd) doubts = 0;
    if (odd && ++doubts == kDoubtsMost) kernel_panic("a lock is held by somebody who knows nothing of it");
  }
  slot.waits_on.store(0);
}

}  // namespace

bool Txn::holds(const LockWord& word) const {
  const auto at = static_cast<uint32_t>(segment_.offset_of(&word) >> 2);
  for (uint32_t i = 0; i < slot_.held_count.load() && i < kHeldMax; i++)
    if (slot_.held[i].load() == at) return true;
  return false;
}

void Txn::acquire(LockWord& word) {
  const auto at = static_cast<uint32_t>(segment_.offset_of(&word) >> 2);
  const uint32_t n = slot_.held_count.load();
  for (uint32_t i = 0; i < n && i < kHeldMax; i++)
    if (slot_.held[i].load() == at) return;
  if (n >= kHeldMax) kernel_panic("a transaction holds more locks than its slot can note");
  const bool taken = planted(Planted::unnoted_lock) && word.try_acquire(self_.index());
  slot_.held[n].store(at);
  crash_fence();
  slot_.held_count.store(n + 1);
  crash_fence();
  if (!taken && !word.try_acquire(self_.index())) contended(word);
}

bool Txn::try_acquire(LockWord& word) {
  if (holds(word)) return true;
  const uint32_t n = slot_.held_count.load();
  if (n >= kHeldMax) return false;
  slot_.held[n].store(static_cast<uint32_t>(segment_.offset_of(&word) >> 2));
  crash_fence();
  slot_.held_count.store(n + 1);
  crash_fence();
  if (word.try_acquire(self_.index())) return true;
  const uint32_t owner = word.owner();
  if (owner != 0 && segment_.is_dead(owner)) {
    recover_locks(self_, owner);
    if (word.try_acquire(self_.index())) return true;
  }
  slot_.held_count.store(n);
  return false;
}

void Txn::contended(LockWord& word) {
  for (unsigned i = 0; i < kSpin; i++) {
    if (word.try_acquire(self_.index())) return;
    const uint32_t owner = word.owner();
    if (owner != 0 && segment_.is_dead(owner)) recover_locks(self_, owner);
    cpu_relax();
  }
  const bool alone = slot_.held_count.load() == 1 && slot_.log_length.load() == 0;
  if (alone || planted(Planted::sleeps_with_locks)) {
    sleep_until_acquired(self_, word);
    return;
  }
  undo_log(segment_, slot_);
  slot_.held_count.store(slot_.held_count.load() - 1);  // the one we did not get
  unlock_all();
  if (restarts_ >= 2) {
    // Two transactions that keep taking each other's second lock part ways.
    uint32_t pause = (self_.index() * 2654435761u ^ static_cast<uint32_t>(monotonic_ns())) & 1023;
    while (pause-- != 0) cpu_relax();
  }
  slot_.held[0].store(static_cast<uint32_t>(segment_.offset_of(&word) >> 2));
  crash_fence();
  slot_.held_count.store(1);
  crash_fence();
  sleep_until_acquired(self_, word);
  restarts_++;
  PORTOLAN_JUMP(jump_);
}

uint32_t Txn::take_element(unsigned zone) {
  // What an earlier transaction of this thread freed last is warm. What this one freed must keep its bytes.
  const uint32_t pending = slot_.pending_count;
  uint32_t index = 0;
  if (pending != 0 && pending <= pending_before_ && pending <= kPendingMax &&
      slot_.pending[pending - 1] >> 32 == zone) {
    index = static_cast<uint32_t>(slot_.pending[pending - 1]);
    set(slot_.pending_count, pending - 1);
    pending_before_ = pending - 1;
  } else {
    Magazine& magazine = slot_.magazines[zone];
    const uint32_t count = magazine.count;
    if (count - 1 >= kMagazineMax) kernel_panic("a transaction allocates more than it reserved");
    index = magazine.item[count - 1];
    set(magazine.count, count - 1);
  }
  add(segment_.element(zone, index).generation, 1);
  return index;
}

void Txn::release_element(unsigned zone, uint32_t index) {
  const uint32_t n = slot_.pending_count;
  if (n >= kPendingMax) kernel_panic("a transaction frees more than its slot can note");
  Element& element = segment_.element(zone, index);
  if (!element.allocated()) kernel_panic("an element is freed twice");
  add(element.generation, 1);
  if (planted(Planted::early_free) && slot_.magazines[zone].count < kMagazineMax) {
    Magazine& magazine = slot_.magazines[zone];
    magazine.item[magazine.count].init(index);
    magazine.count.init(magazine.count + 1);
    return;
  }
  set(slot_.pending[n], uint64_t{zone} << 32 | index);
  set(slot_.pending_count, n + 1);
}

uint64_t Txn::new_identity() {
  if (slot_.identity_next == slot_.identity_end) {
    constexpr uint64_t kBlock = 256;
    const uint64_t first = segment_.header().next_identity.fetch_add(kBlock);
    set(slot_.identity_next, first);
    set(slot_.identity_end, first + kBlock);
  }
  const uint64_t identity = slot_.identity_next;
  set(slot_.identity_next, identity + 1);
  return identity;
}

Hold& Txn::hold(uint32_t kind, uint32_t object, uint64_t extra) {
  for (Hold& hold : self_.frame().holds) {
    if (hold.kind != 0) continue;
    set(hold.kind, kind);
    set(hold.object, object);
    set(hold.extra, extra);
    return hold;
  }
  kernel_panic("a trap has more in hand than its frame can note");
}

void Txn::drop(Hold& hold) { set(hold.kind, 0); }

Hold* Txn::find_hold(uint32_t kind, uint32_t object) {
  for (Hold& hold : self_.frame().holds)
    if (hold.kind == kind && hold.object == object) return &hold;
  return nullptr;
}

void Txn::owe_wake(uint32_t frame_id) {
  const uint32_t n = slot_.owed_count;
  if (n >= kOwedMax) kernel_panic("a transaction owes more wakes than its slot can note");
  if (planted(Planted::early_commit)) commit();
  set(slot_.owed[n], uint64_t{segment_.frame(frame_id).epoch} << 32 | frame_id);
  set(slot_.owed_count, n + 1);
}

void Txn::push_item(uint32_t item) {
  set(segment_.element(work_zone(item), work_index(item)).work, 0);
  const uint32_t tail = slot_.work_tail;
  if (tail == 0)
    set(slot_.work_head, item);
  else
    set(segment_.element(work_zone(tail), work_index(tail)).work, item);
  set(slot_.work_tail, item);
}

void Txn::push_first(uint32_t item) {
  if (slot_.work_head == 0) return push_item(item);
  set(segment_.element(work_zone(item), work_index(item)).work, slot_.work_head);
  set(slot_.work_head, item);
}

void Txn::pop_work() {
  const uint32_t item = slot_.work_head;
  const uint32_t next = segment_.element(work_zone(item), work_index(item)).work;
  set(slot_.work_head, next);
  if (next == 0) set(slot_.work_tail, 0);
}

void Txn::unlock_all() {
  uint32_t* wake[kHeldMax];
  unsigned wakes = 0;
  const uint32_t held = slot_.held_count.load();
  if (held > kHeldMax) kernel_panic("more locks are held than a slot can note");
  for (uint32_t i = held; i-- > 0;) {
    const uint64_t offset = uint64_t{slot_.held[i].load()} << 2;
    if (offset >= segment_.size()) kernel_panic("a lock that is held lies nowhere");
    auto& word = *reinterpret_cast<LockWord*>(segment_.base() + offset);
    if (word.release()) wake[wakes++] = word.address();
  }
  crash_fence();
  slot_.held_count.store(0);
  while (wakes-- != 0) futex_wake(wake[wakes], 1);
}

void Txn::commit() {
  crash_fence();
  slot_.log_length.store(0);  // the commit
  crash_fence();
}

int run_section(Thread& self, int (*body)(void*, Txn&), void* context) {
  Txn txn(self);
  (void)PORTOLAN_MARK(txn.jump_);
  txn.pending_before_ = self.slot().pending_count;
  const int code = body(context, txn);
  if (planted(Planted::unlocked_early)) txn.unlock_all();
  if (txn.abandoned_)
    undo_log(txn.segment_, txn.slot_);
  else
    txn.commit();
  txn.unlock_all();
  return code;
}

int run_transaction(Thread& self, const Needs& needs, int (*body)(void*, Txn&), void* context,
                    int no_memory) {
  if (needs.zones != 0) {
    if (refused(reinterpret_cast<const void*>(body)) || !reserve(self, needs)) return no_memory;
  }
  const int code = run_section(self, body, context);
  if (self.slot().owed_count != 0) pay_wakes(self);
  if (self.rings) {
    self.rings = false;
    ring_launchd(self.segment());
  }
  if (self.to_settle) {
    self.to_settle = false;
    self.segment().upper->after_transaction(self);
  }
  // Room for what the largest transaction frees; until then freed elements wait where they are.
  if (self.slot().pending_count > kPendingKept) store_freed(self, self.slot());
  return code;
}

void pay_wakes(Thread& self) {
  ThreadSlot& slot = self.slot();
  const uint32_t owed = slot.owed_count;
  if (owed > kOwedMax) kernel_panic("more wakes are owed than a slot can note");
  for (uint32_t i = 0; i < owed; i++) wake_frame(self.segment(), slot.owed[i], Payer::debtor);
  crash_fence();
  slot.owed_count.init(0);
}

void ring_launchd(Segment& segment) {
  segment.header().deaths.fetch_add(1);
  futex_wake(segment.header().deaths.address(), 1);
}

void settle(Thread& self) {
  const UpperLayers* upper = self.segment().upper;
  while (self.slot().work_head != 0 && upper->work_step(self, self.slot().work_head)) {
  }
}

}  // namespace portolan
