// SPDX-License-Identifier: Apache-2.0
// Magazines, depot shards and carving.
//
//   Z1: every carved element is allocated, or on exactly one free list (a shard, a magazine, a slot's pending
//   frees). Z2: a shard's count is the length of its list. Z3: elements below `populated` have real pages;
//   `carved` never passes it.
//
// If we die here: each step is one transaction, so an element is on the old list or on the new one.
#include "segment/zone.hpp"

#include <algorithm>
#include <bit>

namespace portolan {

namespace {

void push_shard(Txn& txn, unsigned zone, Shard& shard, uint32_t index) {
  txn.set(txn.segment().element(zone, index).link, shard.head);
  txn.set(shard.head, index);
  txn.add(shard.count, 1);
}

// A shard that nobody else is using; when all are busy, the thread's own, waited for with nothing else held.
Shard& free_shard(Txn& txn, ZoneState& zone) {
  const unsigned mine = txn.self().index() % kShards;
  for (unsigned i = 0; i < kShards; i++) {
    Shard& shard = zone.shards[(mine + i) % kShards];
    if (txn.try_acquire(shard.lock)) return shard;
  }
  txn.acquire(zone.shards[mine].lock);
  return zone.shards[mine];
}

void take_from_shards(Thread& self, unsigned id, uint32_t wanted) {
  ZoneState& zone = self.segment().zone(id);
  Magazine& magazine = self.slot().magazines[id];
  for (unsigned i = 0; i < kShards && magazine.count < wanted; i++) {
    Shard& shard = zone.shards[(self.index() + i) % kShards];
    if (shard.count == 0) continue;
    section(self, [&](Txn& txn) {
      if (!txn.try_acquire(shard.lock)) return 0;
      uint32_t count = magazine.count;
      for (unsigned n = 0; n < kMagazineMax && count < wanted && shard.head != 0; n++) {
        const uint32_t index = shard.head;
        txn.set(shard.head, self.segment().element(id, index).link);
        txn.add(shard.count, static_cast<uint32_t>(-1));
        txn.set(magazine.item[count++], index);
      }
      txn.set(magazine.count, count);
      return 0;
    });
  }
}

// What a test has made smaller, too.
uint32_t capacity(const Segment& segment, unsigned id) {
  return std::min(segment.zone(id).capacity, segment.capacity(id));
}

// Makes the pages of the next elements real. Idempotent, so that two threads may do it at once.
bool ensure_populated(Segment& segment, unsigned id, uint32_t until) {
  ZoneState& zone = segment.zone(id);
  uint32_t populated = zone.populated.load();
  if (until <= populated) return true;
  const uint32_t size = segment.element_size(id);
  const uint32_t step = std::max(1u, segment.header().populate_step / size);
  const uint32_t target =
      static_cast<uint32_t>(std::min<uint64_t>(capacity(segment, id), uint64_t{until} + step));
  if (!segment.populate(segment.offset_of(&segment.element(id, populated)),
                        uint64_t{target - populated} * size))
    return false;
  while (populated < target && !zone.populated.compare_exchange(populated, target)) {
  }
  return true;
}

bool carve(Thread& self, unsigned id, uint32_t wanted) {
  Segment& segment = self.segment();
  ZoneState& zone = segment.zone(id);
  Magazine& magazine = self.slot().magazines[id];
  while (magazine.count < wanted) {
    const uint32_t first = zone.carved;
    const uint32_t until = std::min(capacity(segment, id), first + wanted - magazine.count);
    if (until <= first) return false;
    if (!ensure_populated(segment, id, until)) return false;
    section(self, [&](Txn& txn) {
      txn.acquire(zone.carve_lock);
      if (zone.carved != first) return 0;  // somebody else carved these: look again
      uint32_t count = magazine.count;
      for (uint32_t index = first; index < until; index++) txn.set(magazine.item[count++], index);
      txn.set(magazine.count, count);
      txn.set(zone.carved, until);
      return 0;
    });
  }
  return true;
}

}  // namespace

bool reserve(Thread& self, const Needs& needs) {
  for (uint32_t zones = needs.zones; zones != 0; zones &= zones - 1) {
    const auto id = static_cast<unsigned>(std::countr_zero(zones));
    const uint32_t need = needs.count[id];
    if (self.slot().magazines[id].count >= need) continue;
    if (self.slot().pending_count != 0) {
      store_freed(self, self.slot());
      if (self.slot().magazines[id].count >= need) continue;
    }
    const uint32_t wanted = std::max(need, self.segment().magazine(id) / 2);
    take_from_shards(self, id, wanted);
    if (self.slot().magazines[id].count >= need) continue;
    if (!carve(self, id, wanted) && self.slot().magazines[id].count < need) return false;
  }
  return true;
}

void store_freed(Thread& self, ThreadSlot& slot) {
  Segment& segment = self.segment();
  while (slot.pending_count != 0) {
    section(self, [&](Txn& txn) {
      uint32_t n = slot.pending_count;
      if (n > kPendingMax) kernel_panic("more is freed than a slot can note");
      for (unsigned moved = 0; n != 0 && moved < kMagazineMax; moved++) {
        const uint64_t entry = slot.pending[--n];
        const auto id = static_cast<unsigned>(entry >> 32);
        const auto index = static_cast<uint32_t>(entry);
        if (id >= kMaxZones) kernel_panic("what is freed is in no zone");
        Magazine& magazine = slot.magazines[id];
        if (magazine.count < segment.magazine(id)) {
          txn.set(magazine.item[magazine.count], index);
          txn.add(magazine.count, 1);
        } else {
          push_shard(txn, id, free_shard(txn, segment.zone(id)), index);
        }
      }
      txn.set(slot.pending_count, n);
      return 0;
    });
  }
}

void empty_magazines(Thread& self, ThreadSlot& owner) {
  for (unsigned id = 0; id < kMaxZones; id++) {
    Magazine& magazine = owner.magazines[id];
    while (magazine.count != 0) {
      section(self, [&](Txn& txn) {
        Shard& shard = free_shard(txn, self.segment().zone(id));
        uint32_t count = std::min<uint32_t>(magazine.count, kMagazineMax);
        while (count != 0) push_shard(txn, id, shard, magazine.item[--count]);
        txn.set(magazine.count, 0);
        return 0;
      });
    }
  }
}

}  // namespace portolan
