// SPDX-License-Identifier: Apache-2.0
// If we die here: a name is taken, freed or hashed inside its caller's transaction. Growth makes pages real
// first, which may be done twice, and publishes them in one transaction. A dying space is on a work list with
// its cursor.
#include "ipc/space.hpp"

#include <algorithm>
#include <bit>

#include "ipc/mutant.hpp"
#include "ipc/right.hpp"
#include "ipc/watch.hpp"
#include "segment/refusal.hpp"
#include "segment/zone.hpp"

namespace portolan::ipc {

namespace {

constexpr uint32_t kFirstSize = 32;
constexpr uint32_t kFirstBuckets = 16;
constexpr uint32_t kEntryBytes = 24;  // Darwin's: what its table sizes are made of
constexpr uint32_t kGenerationStep = 4, kGenerationFirst = 3;
constexpr uint32_t kChainMax = 4096;  // no chain is so long: a damaged one ends here

uint32_t capacity(const Segment& segment) {
  constexpr uint32_t kPerPage = kPage / sizeof(Entry);  // so that the buckets begin on a page
  return segment.arena_size() / static_cast<uint32_t>(sizeof(Entry) + sizeof(uint32_t)) / kPerPage * kPerPage;
}

Cell<uint32_t>& bucket(const Segment& segment, Handle<Space> space, uint32_t n) {
  const uint64_t offset = uint64_t{capacity(segment)} * sizeof(Entry) + uint64_t{n} * sizeof(uint32_t);
  return *reinterpret_cast<Cell<uint32_t>*>(segment.arena(space.index, offset));
}

// Real pages for the first `slots` entries and as many buckets.
bool back_table(Segment& segment, Handle<Space> space, uint32_t from, uint32_t slots) {
  const uint64_t arena = segment.offset_of(segment.arena(space.index));
  const uint64_t buckets = arena + uint64_t{capacity(segment)} * sizeof(Entry);
  return segment.populate(arena + uint64_t{from} * sizeof(Entry), uint64_t{slots - from} * sizeof(Entry)) &&
         segment.populate(buckets + uint64_t{from} * sizeof(uint32_t),
                          uint64_t{slots - from} * sizeof(uint32_t));
}

uint32_t hash_of(uint32_t port) { return port * 2654435761u ^ (port >> 7); }

uint32_t bucket_of(uint32_t hash, uint32_t buckets) {
  const uint32_t span = std::bit_ceil(buckets);
  const uint32_t at = hash & (span - 1);
  return at < buckets ? at : at & (span / 2 - 1);
}

uint32_t next_random(uint32_t x) {
  x ^= x << 13;
  x ^= x >> 17;
  return x ^ x << 5;
}

// The next slot that was never used, by the walk of ports 2.2; 0 when there is none.
uint32_t take_virgin(Txn& txn, Locked<Space>& space) {
  for (Virgin& block : space->virgin) {
    uint32_t low = block.low, high = block.high;
    if (high == 0) continue;
    uint32_t found = 0, random = space->random;
    for (unsigned looked = 0; looked < 512 && low <= high && found == 0; looked++) {
      const bool lowest = block.walk == 0 || low < 9 || ((random = next_random(random)) & 1) != 0;
      const uint32_t candidate = lowest ? low++ : high--;
      // A chosen name may have taken it long ago.
      if (entry_at(txn.segment(), space.handle(), candidate).bits == 0) found = candidate;
      if (block.walk == 0) txn.set(block.walk, 1);
    }
    txn.set(space->random, random);
    txn.set(block.low, low);
    txn.set(block.high, low > high ? 0 : high);
    if (found != 0) return found;
  }
  return 0;
}

void unlink_free(Txn& txn, Locked<Space>& space, Entry& entry) {
  const Segment& segment = txn.segment();
  const uint32_t next = entry.next, prev = entry.request;
  if (prev == 0)
    txn.set(space->free_head, next);
  else
    txn.set(entry_at(segment, space.handle(), prev).next, next);
  if (next != 0) txn.set(entry_at(segment, space.handle(), next).request, prev);
}

void count_used(Txn& txn, Locked<Space>& space) {
  txn.add(space->used, 1);
  if (space->used > space->peak) txn.set(space->peak, space->used);
}

// The generation that a slot gets when it is allocated again (ports 2.3).
uint32_t step_generation(Txn& txn, Locked<Space>& space, Entry& entry) {
  static constexpr uint32_t kLast[4] = {0xfb, 0xbb, 0x7b, 0x3b};
  const uint32_t old = entry.generation();
  if (mutant(Mutant::same_generation) && old != 0) return old;
  if (old != 0 && old + kGenerationStep <= kLast[entry.rollover & 3]) return old + kGenerationStep;
  txn.set(space->random, next_random(space->random));
  txn.set(entry.rollover, space->random >> 9 & 3);
  return kGenerationFirst;
}

uint32_t index_of(const Segment& segment, Handle<Space> space, const Entry& entry) {
  return static_cast<uint32_t>(&entry - &entry_at(segment, space, 0));
}

}  // namespace

uint32_t table_size_after(uint32_t size, uint32_t limit) {
  if (size >= limit) return 0;
  uint64_t bytes = uint64_t{size} * kEntryBytes;
  uint32_t count = size;
  while (count <= size) {
    const uint64_t floor = std::bit_floor(bytes);
    if (bytes < 16384)
      bytes = bytes < floor + floor / 2 ? floor + floor / 2 : floor * 2;
    else
      bytes = bytes / std::max<uint64_t>(kPage, floor / 16) * std::max<uint64_t>(kPage, floor / 16) +
              std::max<uint64_t>(kPage, floor / 16);
    count = static_cast<uint32_t>(bytes / kEntryBytes);
  }
  return std::min(count, limit);
}

bool space_reserve(Thread& self) {
  if (refused(__builtin_return_address(0)) || !reserve(self, Needs{}.with<Space>())) return false;
  const Magazine& magazine = self.slot().magazines[kZoneSpace];
  return back_table(self.segment(), Handle<Space>{magazine.item[magazine.count - 1]}, 0, kFirstSize);
}

Handle<Space> space_make(Txn& txn, Handle<Task> task, uint32_t seed) {
  const Handle<Space> handle = txn.allocate<Space>();
  Space& space = txn.segment().at(handle);
  space.link.init(0);
  space.work.init(0);
  space.state.init(kSpaceActive);
  space.task.init(task.index);
  space.table_size.init(kFirstSize);
  space.backed.init(kFirstSize);
  space.used.init(0);
  space.sends.init(0);
  space.free_head.init(0);
  for (Virgin& block : space.virgin) {
    block.low.init(0);
    block.high.init(0);
    block.walk.init(0);
  }
  space.virgin[0].low.init(1);
  space.virgin[0].high.init(8);
  space.virgin[1].low.init(9);
  space.virgin[1].high.init(kFirstSize - 1);
  space.virgin[1].walk.init(1);
  space.buckets.init(kFirstBuckets);
  space.cursor.init(1);
  space.random.init(seed | 1);
  space.table_limit.init(std::min(kTableMax, capacity(txn.segment())));
  space.at_maximum.init(0);
  space.peak.init(0);
  for (Cell<uint32_t>* cell : {&space.watch_port, &space.watches, &space.fired_head, &space.fired_tail})
    cell->init(0);
  return handle;
}

Entry& entry_at(const Segment& segment, Handle<Space> space, uint32_t index) {
  return *reinterpret_cast<Entry*>(segment.arena(space.index, uint64_t{index} * sizeof(Entry)));
}

Entry* entry_find(Txn& txn, Locked<Space>& space, Name name) {
  if (name.index() == 0 || name.index() >= space->table_size) return nullptr;
  Entry& entry = entry_at(txn.segment(), space.handle(), name.index());
  if (entry.type() == 0 || entry.generation() != name.generation()) return nullptr;
  return &entry;
}

Name entry_name(const Segment& segment, const Locked<Space>& space, const Entry& entry) {
  return make_name(index_of(segment, space.handle(), entry), entry.generation());
}

bool space_has_room(const Locked<Space>& space, uint32_t n) {
  return space->table_size - 1 - space->used >= n &&
         uint64_t{space->sends} + n <= uint64_t{space->table_size} * 7 / 8;
}

// Slots gained by growth come after all that are left (ports 3.1): the blocks move up and keep their order.
// Should there be more blocks than places, which takes several chosen names beyond the table, the last one is
// made longer.
static void add_virgins(Txn& txn, Locked<Space>& space, uint32_t low, uint32_t high) {
  unsigned used = 0;
  for (Virgin& block : space->virgin) {
    if (block.high == 0) continue;
    Virgin& place = space->virgin[used++];
    if (&place == &block) continue;
    txn.set(place.low, block.low);
    txn.set(place.high, block.high);
    txn.set(place.walk, block.walk);
    txn.set(block.high, 0);
  }
  if (used == kVirginBlocks) {
    txn.set(space->virgin[used - 1].high, high);
    return;
  }
  txn.set(space->virgin[used].low, low);
  txn.set(space->virgin[used].high, high);
  txn.set(space->virgin[used].walk, 0);
}

static bool has_free_slot(const Locked<Space>& space) {
  bool any = space->free_head != 0;
  for (const Virgin& block : space->virgin) any |= block.high != 0;
  return any;
}

static kern_return_t grow_once(Thread& self, Target<Space> handle, uint32_t old_size, uint32_t size) {
  Segment& segment = self.segment();
  if (!back_table(segment, handle.handle, old_size, size)) return KERN_RESOURCE_SHORTAGE;
  return transact(self, Needs{}, [&](Txn& txn) {
    Locked<Space> space = txn.lock(handle);
    if (space->state != kSpaceActive) return KERN_INVALID_TASK;
    if (space->table_size != old_size) return KERN_SUCCESS;  // somebody else grew it
    add_virgins(txn, space, old_size, size - 1);
    txn.set(space->table_size, size);
    txn.set(space->backed, size);
    return KERN_SUCCESS;
  });
}

kern_return_t space_grow(Thread& self, Target<Space> handle, uint32_t n) {
  for (;;) {
    uint32_t size = 0, next = 0;
    const kern_return_t code = transact(self, Needs{}, [&](Txn& txn) {
      Locked<Space> space = txn.lock(handle);
      next = 0;
      if (space->state != kSpaceActive) return KERN_INVALID_TASK;
      if (space_has_room(space, n)) {
        // Who came because it found no slot would come again and again.
        if (!has_free_slot(space)) kernel_panic("a space has room for names, and no slot for them");
        return KERN_SUCCESS;
      }
      size = space->table_size;
      next = table_size_after(size, space->table_limit);
      if (next != 0) return KERN_SUCCESS;
      txn.set(space->at_maximum, 1);
      return KERN_NO_SPACE;
    });
    if (code != KERN_SUCCESS || next == 0) return code;
    const kern_return_t grown = grow_once(self, handle, size, next);
    if (grown != KERN_SUCCESS) return grown;
  }
}

kern_return_t space_grow_to(Thread& self, Target<Space> handle, uint32_t index) {
  const Space& space = self.segment().at(handle.handle);
  while (index >= space.table_size) {
    const uint32_t size = space.table_size;
    uint32_t next = size;
    while (next != 0 && next <= index) next = table_size_after(next, space.table_limit);
    if (next == 0) {
      transact(self, Needs{}, [&](Txn& txn) {
        Locked<Space> locked = txn.lock(handle);
        if (locked->state == kSpaceActive) txn.set(locked->at_maximum, 1);
        return 0;
      });
      return KERN_NO_SPACE;
    }
    const kern_return_t grown = grow_once(self, handle, size, next);
    if (grown != KERN_SUCCESS) return grown;
  }
  return KERN_SUCCESS;
}

bool entry_alloc(Txn& txn, Locked<Space>& space, Name& name, Entry*& entry) {
  uint32_t index = space->free_head;
  if (index != 0) {
    entry = &entry_at(txn.segment(), space.handle(), index);
    unlink_free(txn, space, *entry);
  } else {
    index = take_virgin(txn, space);
    if (index == 0) return false;
    entry = &entry_at(txn.segment(), space.handle(), index);
  }
  const uint32_t generation = step_generation(txn, space, *entry);
  txn.set(entry->bits, generation);
  txn.set(entry->urefs, 0);
  txn.set(entry->request, 0);
  txn.set(entry->next, 0);
  count_used(txn, space);
  name = make_name(index, generation);
  return true;
}

kern_return_t entry_alloc_name(Txn& txn, Locked<Space>& space, Name name, Entry*& entry) {
  if ((name.value & 3) != 3) return KERN_INVALID_VALUE;
  if (name.index() == 0) return KERN_FAILURE;
  if (name.index() >= space->table_size) return KERN_NO_SPACE;
  entry = &entry_at(txn.segment(), space.handle(), name.index());
  if (entry->type() != 0) return entry->generation() == name.generation() ? KERN_SUCCESS : KERN_FAILURE;
  if (entry->bits != 0) unlink_free(txn, space, *entry);
  txn.set(entry->bits, name.generation());
  txn.set(entry->rollover, 0);
  txn.set(entry->urefs, 0);
  txn.set(entry->request, 0);
  txn.set(entry->next, 0);
  count_used(txn, space);
  return KERN_SUCCESS;
}

void entry_free(Txn& txn, Locked<Space>& space, Entry& entry) {
  const Segment& segment = txn.segment();
  note_cleared(txn, entry);
  const uint32_t index = index_of(segment, space.handle(), entry);
  const uint32_t head = space->free_head;
  txn.set(entry.bits, entry.generation());
  txn.set(entry.urefs, 0);
  txn.set(entry.object, 0);
  txn.set(entry.request, 0);
  txn.set(entry.next, head);
  if (head != 0) txn.set(entry_at(segment, space.handle(), head).request, index);
  txn.set(space->free_head, index);
  txn.add(space->used, static_cast<uint32_t>(-1));
}

void hash_insert(Txn& txn, Locked<Space>& space, Entry& entry) {
  const Segment& segment = txn.segment();
  Cell<uint32_t>& head = bucket(segment, space.handle(), bucket_of(hash_of(entry.object), space->buckets));
  txn.set(entry.next, head);
  txn.set(head, index_of(segment, space.handle(), entry));
  txn.add(space->sends, 1);
  if (space->sends <= space->buckets || space->buckets >= space->table_size) return;
  // One more bucket: the part of one chain that belongs there moves. A chain too long for one transaction
  // waits.
  const uint32_t fresh = space->buckets, span = std::bit_ceil(fresh + 1);
  Cell<uint32_t>& from = bucket(segment, space.handle(), fresh - span / 2);
  Cell<uint32_t>& to = bucket(segment, space.handle(), fresh);
  unsigned length = 0;
  for (uint32_t walk = from; walk != 0; walk = entry_at(segment, space.handle(), walk).next)
    if (++length > 16) return;
  uint32_t stay = 0, move = 0;
  for (uint32_t walk = from; walk != 0;) {
    Entry& moved = entry_at(segment, space.handle(), walk);
    const uint32_t next = moved.next;
    uint32_t& list = (hash_of(moved.object) & (span - 1)) == fresh ? move : stay;
    txn.set(moved.next, list);
    list = walk;
    walk = next;
  }
  txn.set(from, stay);
  txn.set(to, move);
  txn.set(space->buckets, fresh + 1);
}

void hash_remove(Txn& txn, Locked<Space>& space, Entry& entry) {
  const Segment& segment = txn.segment();
  const uint32_t index = index_of(segment, space.handle(), entry);
  Cell<uint32_t>* link = &bucket(segment, space.handle(), bucket_of(hash_of(entry.object), space->buckets));
  for (uint32_t i = 0; *link != 0 && i < kChainMax; i++) {
    if (*link == index) {
      txn.set(*link, entry.next);
      txn.set(entry.next, 0);
      txn.add(space->sends, static_cast<uint32_t>(-1));
      return;
    }
    link = &entry_at(segment, space.handle(), *link).next;
  }
  kernel_panic("a send right is missing from its space's hash");
}

Entry* hash_find(Txn& txn, Locked<Space>& space, Handle<Port> port, Name& name) {
  const Segment& segment = txn.segment();
  uint32_t walk = bucket(segment, space.handle(), bucket_of(hash_of(port.index), space->buckets));
  for (uint32_t i = 0; walk != 0 && i < kChainMax; i++) {
    Entry& entry = entry_at(segment, space.handle(), walk);
    if (entry.object == port.index) {
      name = make_name(walk, entry.generation());
      return &entry;
    }
    walk = entry.next;
  }
  return nullptr;
}

void space_destroy(Txn& txn, Locked<Space>& space) {
  if (space->state != kSpaceActive) return;
  txn.set(space->state, kSpaceDying);
  txn.set(space->cursor, 1);
  txn.push_work(space.handle());
}

// The next item of the work list: a port, set or message that an entry's end has put there?
static bool brought_about(uint32_t item) {
  if (item == 0) return false;
  const unsigned zone = work_zone(item);
  return zone == kZonePort || zone == kZonePset || zone == kZoneKmsg;
}

bool space_reap_step(Thread& self, Handle<Space> handle) {
  Segment& segment = self.segment();
  bool empty = false;
  const int code = transact(self, kRightNeeds, [&](Txn& txn) {
    empty = false;
    Locked<Space> space = txn.lock(handle);
    // What the end of one entry brings about comes before the next entry's (ports 3.4).
    if (brought_about(space->work)) {
      txn.pop_work();
      txn.push_work(handle);
      return 0;
    }
    uint32_t cursor = space->cursor;
    const uint32_t end = std::min<uint32_t>(space->table_size, cursor + 256);
    while (cursor < end && entry_at(segment, handle, cursor).type() == 0) cursor++;
    txn.set(space->cursor, cursor);
    if (cursor < end) right_terminate(txn, space, entry_at(segment, handle, cursor));
    empty = cursor >= space->table_size;
    return 0;
  });
  if (code != 0) return false;
  if (!empty) return true;
  const Space& space = segment.at(handle);
  if (space.watch_port != 0) {
    watches_end_step(self, handle);
    return true;
  }
  const uint64_t arena = segment.offset_of(segment.arena(handle.index));
  segment.depopulate(arena, uint64_t{space.backed} * sizeof(Entry) + kPage);
  segment.depopulate(arena + uint64_t{capacity(segment)} * sizeof(Entry), uint64_t{space.backed} * 4 + kPage);
  transact(self, Needs{}, [&](Txn& txn) {
    Locked<Space> locked = txn.lock(handle);
    txn.set(locked->state, kSpaceFree);
    txn.pop_work();
    txn.release(handle);
    return 0;
  });
  return true;
}

}  // namespace portolan::ipc
