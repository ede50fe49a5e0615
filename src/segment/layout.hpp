// SPDX-License-Identifier: Apache-2.0
// Where everything lies in a segment. The file is sparse and of a fixed size: every zone has its own range of
// it, so that a handle becomes an address by one multiplication, growth never moves or remaps anything, and
// tables never move.
//
//   header | life words (never guarded) | thread slots | zone 0 | zone 1 | … | name tables, one range a space
#pragma once

#include <cstddef>
#include <cstdint>

#include "segment/handle.hpp"

namespace portolan {

inline constexpr uint64_t kMagic = 0x314e414c4f54524full;  // "ORTOLAN1", little-endian
inline constexpr uint32_t kLayoutVersion = 1;
inline constexpr uint32_t kByteOrder = 0x01020304;
inline constexpr unsigned kMaxZones = 20;
inline constexpr unsigned kShards = 4;
inline constexpr unsigned kMagazineMax = 16;
inline constexpr size_t kPage = 4096;

// The extent of a domain, decided by its creator.
struct Geometry {
  struct Zone {
    uint32_t element_size = 0;  // 0: no such zone
    uint32_t capacity = 0;      // elements, index 0 unused
    uint32_t magazine = 0;      // elements a thread keeps at most, up to kMagazineMax
  };
  Zone zones[kMaxZones];
  uint32_t max_threads = 0;
  uint32_t arena_size =
      0;  // bytes of the private range of each element of zone `arena_zone` (a space's table)
  uint32_t arena_zone = 0;
  uint32_t populate_step = 0;  // bytes made real at a time
};

struct Shard {
  LockWord lock;
  Cell<uint32_t> head;   // `lock`
  Cell<uint32_t> count;  // `lock`
  uint32_t pad;
};

struct ZoneState {
  uint64_t base;  // offset in the segment; the rest of this line is fixed at creation
  uint32_t element_size;
  uint32_t capacity;
  uint32_t magazine;
  LockWord carve_lock;
  Cell<uint32_t> carved;     // elements that ever existed, index 0 included; `carve_lock`
  Hint<uint32_t> populated;  // elements whose pages are real
  Shard shards[kShards];
};

// One per thread slot, on pages that the memory guard leaves writable, since the Linux kernel writes here
// when the thread dies. The layout of `next` and `prev` around the word is that of a pthread robust mutex, so
// that both kinds can stand on one list.
struct alignas(64) LifeWord {
  Hint<uint32_t> word;  // owner's tid with FUTEX_WAITERS; FUTEX_OWNER_DIED once it is dead
  uint32_t pad[5];
  uint64_t prev, next;  // addresses in the owner's process: nobody else reads them
};
static_assert(sizeof(LifeWord) == 64 && offsetof(LifeWord, prev) == 24 && offsetof(LifeWord, next) == 32);

struct alignas(4096) Header {
  uint64_t magic;
  uint32_t layout_version;
  uint32_t byte_order;
  uint8_t boot_id[40];
  uint64_t size;
  uint32_t zone_count;
  uint32_t max_threads;
  uint64_t life_base, slots_base, arena_base;
  uint32_t arena_size, arena_zone;
  uint32_t populate_step;
  uint32_t pidns;  // inode of the pid namespace that tids belong to

  Hint<uint64_t> next_identity;  // blocks of identities are taken from here; gaps are fine
  Hint<uint32_t> threads_high;   // slots ever used, so that scans are short
  Hint<uint32_t> lost;           // the domain is lost: every trap answers KERN_TERMINATED
  Hint<uint32_t> quarantined;    // what recovery read and could not believe
  Hint<uint32_t> recovered;      // threads recovered, for info
  Hint<uint32_t> launchd;        // launchd's thread slot
  Hint<uint32_t> flags;          // DomainFlag
  Hint<uint32_t> deaths;         // bumped and woken when somebody should look for the dead
  LockWord transit_lock;         // receive rights in messages: see KERNEL rule 7 in docs/kernel.md
  Cell<uint32_t> roots[16];      // well-known objects of the layers above; written once, at creation
  ZoneState zones[kMaxZones];

  // For how many seconds a stopped task may let others wait before launchd kills it, 0: for ever; and how
  // many it has killed.
  Hint<uint32_t> evict_after, evicted;
};
static_assert(sizeof(Header) == 4096);

enum DomainFlag : uint32_t {
  kDomainSites = 1,   // record the stack that acquires each right
  kDomainCorpse = 2,  // launchd keeps a snapshot of each dead task
};

}  // namespace portolan
