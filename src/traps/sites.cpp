// SPDX-License-Identifier: Apache-2.0
// Recording stacks. The domain's sites hang in a hash table: a Data element of bucket heads, named by
// kRootSites, whose lock covers the heads and the chains. Sites are only ever added, at the head of their
// chain, and never freed.
//
// If we die here: a site is linked by the commit of the transaction that allocates it, or not at all. A chain
// read without the lock may show a site whose maker dies uncommitted, so what was found there is confirmed
// under the lock.
#include "traps/sites.hpp"

#include <unwind.h>

#include "segment/futex.hpp"

namespace portolan {

namespace {

using ipc::Data;
using ipc::kSiteFrames;
using ipc::Site;

constexpr unsigned kBuckets = 1000;
static_assert(kBuckets * sizeof(Cell<uint32_t>) <= ipc::kDataPayload);

// The stacks this process has met: bits 24 to 63 of the hash, and the site. Racing writers lose an entry at
// worst.
constexpr unsigned kCacheBits = 14;
constexpr uint64_t kCacheSite = (1u << 24) - 1;
Hint<uint64_t> g_cache[1u << kCacheBits];

uint64_t mix(uint64_t hash, uint64_t word) {
  hash = (hash ^ word) * 0x9e3779b97f4a7c15ull;
  return hash ^ (hash >> 32);
}

// Tells segments apart that one process sees one after the other, also where they lie at the same address.
Hint<uint64_t> g_forgotten;
uint32_t salt_of(const Segment& segment) {
  uint64_t hash = mix(g_forgotten.load(), reinterpret_cast<uintptr_t>(segment.base()));
  for (unsigned i = 0; i < sizeof(Header::boot_id); i += 8) {
    uint64_t word;
    __builtin_memcpy(&word, segment.header().boot_id + i, sizeof word);
    hash = mix(hash, word);
  }
  return static_cast<uint32_t>(hash) | 1;
}

struct Walk {
  uintptr_t own_start, own_end;
  unsigned skip;  // frames of this file, where the library has no range of its own
  bool inside;    // still in the library's own frames
  bool cut;
  unsigned count;
  uintptr_t pc[kSiteFrames];
};

_Unwind_Reason_Code visit(_Unwind_Context* context, void* argument) {
  Walk& walk = *static_cast<Walk*>(argument);
  int at_instruction = 0;
  uintptr_t pc = _Unwind_GetIPInfo(context, &at_instruction);
  if (pc == 0) return _URC_END_OF_STACK;
  if (walk.skip != 0) {
    walk.skip--;
    return _URC_NO_REASON;
  }
  if (at_instruction != 0)
    pc++;  // a signal's frame: as if it were a return address, so that pc - 1 is always inside
  if (walk.inside) {
    if (pc - 1 >= walk.own_start && pc - 1 < walk.own_end) {
      walk.pc[0] = pc;
      walk.count = 1;
      return _URC_NO_REASON;
    }
    walk.inside = false;
  }
  if (walk.count == kSiteFrames) {
    walk.cut = true;
    return _URC_END_OF_STACK;
  }
  walk.pc[walk.count++] = pc;
  return _URC_NO_REASON;
}

// Where the library's own code lies. Linked into a program, it has no range of its own: then nothing is
// skipped.
detail::Mapped* own_module() {
  static Hint<uintptr_t> own;
  uintptr_t known = own.load(std::memory_order_acquire);
  if (known == 0) {
    known = reinterpret_cast<uintptr_t>(detail::module_at(reinterpret_cast<uintptr_t>(&record_site)));
    own.store(known, std::memory_order_release);
  }
  return reinterpret_cast<detail::Mapped*>(known);
}

bool is_library(const detail::Mapped& module) {
  const char* name = module.path;
  for (const char* at = module.path; *at != 0; at++)
    if (*at == '/') name = at + 1;
  return __builtin_strncmp(name, "libportolan", 11) == 0;
}

__attribute__((noinline)) void capture(Walk& walk) {
  const detail::Mapped* own = own_module();
  walk.own_start = walk.own_end = 0;
  walk.skip = 2;  // this function and record_site
  if (own != nullptr && is_library(*own)) {
    walk.own_start = own->start;
    walk.own_end = own->end;
    walk.skip = 0;
  }
  walk.inside = true;
  walk.cut = false;
  walk.count = 0;
  _Unwind_Backtrace(visit, &walk);
  __asm__ volatile("");  // no tail call: this frame is one of those that `skip` counts
}

Cell<uint32_t>& bucket(Data& table, uint64_t hash) {
  return reinterpret_cast<Cell<uint32_t>*>(table.bytes)[hash % kBuckets];
}

// The table, made by whoever needs it first. Its root belongs to the carve lock of the zone of sites.
Data* table_of(Thread& self) {
  Segment& segment = self.segment();
  Cell<uint32_t>& root = segment.header().roots[ipc::kRootSites];
  if (root == 0) {
    transact(self, Needs{}.with<Data>(), [&](Txn& txn) {
      txn.acquire(segment.zone(ipc::kZoneSite).carve_lock);
      if (root != 0) return 0;
      const Handle<Data> made = txn.allocate<Data>();
      Data& table = segment.at(made);
      for (unsigned i = 0; i < kBuckets; i++) reinterpret_cast<Cell<uint32_t>*>(table.bytes)[i].init(0);
      std::atomic_thread_fence(std::memory_order_release);
      txn.set(root, made.index);
      return 0;
    });
  }
  if (root == 0) return nullptr;
  // An unlocked read is a hint: whoever made it may yet die. Under the lock it is true for ever.
  static Hint<uint64_t> confirmed;
  const uint64_t known = uint64_t{salt_of(segment)} << 32 | root;
  if (confirmed.load() != known) {
    uint32_t sure = 0;
    section(self, [&](Txn& txn) {
      txn.acquire(segment.zone(ipc::kZoneSite).carve_lock);
      sure = root;
      return 0;
    });
    if (sure == 0) return nullptr;
    confirmed.store(uint64_t{salt_of(segment)} << 32 | sure);
  }
  return &segment.at(Handle<Data>{root});
}

bool same(const Site& site, uint64_t hash, const uint64_t* frames, uint32_t depth) {
  if (!site.allocated() || site.hash != hash || site.depth != depth) return false;
  for (unsigned i = 0; i < (depth & ~kSiteCut) && i < kSiteFrames; i++)
    if (detail::load_relaxed(site.frames[i]) != frames[i]) return false;
  return true;
}

uint32_t find_or_make(Thread& self, const uint64_t* frames, uint32_t depth) {
  Segment& segment = self.segment();
  Data* table = table_of(self);
  if (table == nullptr) return 0;
  uint64_t hash = depth;
  for (unsigned i = 0; i < (depth & ~kSiteCut); i++) hash = mix(hash, frames[i]);
  Cell<uint32_t>& head = bucket(*table, hash);
  for (unsigned attempt = 0; attempt < 64; attempt++) {
    const uint32_t first = head;
    std::atomic_thread_fence(std::memory_order_acquire);
    uint32_t at = first, steps = 0;
    while (segment.plausible(ipc::kZoneSite, at) &&
           !same(segment.at(Handle<Site>{at}), hash, frames, depth)) {
      at = ++steps < segment.zone(ipc::kZoneSite).capacity ? segment.at(Handle<Site>{at}).next.get() : 0;
    }
    uint32_t result = 0;
    constexpr int kAgain = 1, kNone = 2;
    const int code = transact(
        self, Needs{}.with<Site>(),
        [&](Txn& txn) {
          txn.lock(segment.handle_of(*table));
          if (segment.plausible(ipc::kZoneSite,
                                at)) {  // allocated and equal, so linked: both were one transaction
            if (!same(segment.at(Handle<Site>{at}), hash, frames, depth)) return kAgain;
            result = at;
            return 0;
          }
          if (head != first) return kAgain;
          const Handle<Site> made = txn.allocate<Site>();
          Site& site = segment.at(made);
          site.hash.init(hash);
          site.next.init(first);
          site.depth.init(depth);
          for (unsigned i = 0; i < (depth & ~kSiteCut) && i < kSiteFrames; i++)
            detail::store_relaxed(site.frames[i], frames[i]);
          std::atomic_thread_fence(std::memory_order_release);
          txn.set(head, made.index);
          result = made.index;
          return 0;
        },
        kNone);
    if (code == 0) return result;
    if (code == kNone) return 0;
  }
  return 0;
}

}  // namespace

void sites_forget() {
  g_forgotten.fetch_add(1);
  for (Hint<uint64_t>& entry : g_cache) entry.store(0);
}

__attribute__((noinline)) uint32_t record_site(Thread& self) {
  Segment& segment = self.segment();
  if (segment.zone(ipc::kZoneSite).element_size == 0) return 0;
  self.now_ns = monotonic_ns();
  Walk walk;
  capture(walk);
  if (walk.count == 0) return 0;

  const uint32_t salt = salt_of(segment);
  uint64_t key = mix(salt, walk.cut ? 1 : 0);
  for (unsigned i = 0; i < walk.count; i++) key = mix(key, walk.pc[i]);
  Hint<uint64_t>& cached = g_cache[key & ((1u << kCacheBits) - 1)];
  const uint64_t seen = cached.load();
  if ((seen & kCacheSite) != 0 && ((seen ^ key) & ~kCacheSite) == 0)
    return static_cast<uint32_t>(seen & kCacheSite);

  uint64_t frames[kSiteFrames];
  for (unsigned i = 0; i < walk.count; i++) {
    detail::Mapped* module = detail::module_at(walk.pc[i] - 1);
    if (module == nullptr) {  // generated code
      frames[i] = walk.pc[i] & ((uint64_t{1} << 48) - 1);
      continue;
    }
    const uint64_t index = detail::module_index(self, *module, salt);
    const uint64_t offset = walk.pc[i] - module->bias;
    frames[i] =
        index > 0xffff ? walk.pc[i] & ((uint64_t{1} << 48) - 1) : index << 48 | (offset & 0xffffffffffff);
  }
  const uint32_t site = find_or_make(self, frames, walk.count | (walk.cut ? kSiteCut : 0));
  if (site != 0 && site <= kCacheSite) cached.store((key & ~kCacheSite) | site);
  return site;
}

}  // namespace portolan
