// SPDX-License-Identifier: Apache-2.0
#include "vm/region.hpp"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#include "segment/cell.hpp"
#include "vm/maximum.hpp"

#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23
#endif

namespace portolan::vm {

namespace {

constexpr unsigned kSlots = 16;
constexpr size_t kKeepMost = size_t{96} << 20;  // bytes in all
constexpr size_t kHugePage = size_t{2} << 20;
constexpr size_t kHugeFrom = size_t{4} << 20;

// First page << 28 | pages: addresses have 48 bits. 0: empty.
constexpr unsigned kCountBits = 28;
Hint<uint64_t> kept[kSlots];
Hint<uint64_t> kept_total;  // bytes; may lag behind
Hint<uint32_t> next_victim;

constexpr uint64_t pack(uintptr_t start, size_t length) {
  return static_cast<uint64_t>(start / kPage) << kCountBits | length / kPage;
}
constexpr uintptr_t start_of(uint64_t region) { return (region >> kCountBits) * kPage; }
constexpr size_t length_of(uint64_t region) { return (region & ((uint64_t{1} << kCountBits) - 1)) * kPage; }
void* at(uintptr_t address) { return reinterpret_cast<void*>(address); }

class KeepErrno {
 public:
  KeepErrno() : saved_(errno) {}
  ~KeepErrno() { errno = saved_; }
  KeepErrno(const KeepErrno&) = delete;
  KeepErrno& operator=(const KeepErrno&) = delete;

 private:
  int saved_;
};

// Puts an inaccessible region into a slot; when all are taken, the turn of one to go has come.
void keep(uintptr_t start, size_t length) {
  const uint64_t region = pack(start, length);
  kept_total.fetch_add(length);
  for (Hint<uint64_t>& slot : kept) {
    uint64_t empty = 0;
    if (slot.load() == 0 && slot.compare_exchange(empty, region)) return;
  }
  const uint64_t old = kept[next_victim.fetch_add(1) % kSlots].exchange(region);
  if (old == 0) return;
  kept_total.fetch_add(-length_of(old));
  munmap(at(start_of(old)), length_of(old));
}

// A kept region of this length, or the smallest that is longer, cut; 0 when there is none.
uintptr_t take(size_t length) {
  for (unsigned tries = 0; tries < 4; tries++) {
    Hint<uint64_t>* best = nullptr;
    uint64_t seen = 0;
    for (Hint<uint64_t>& slot : kept) {
      const uint64_t region = slot.load();
      if (length_of(region) < length || (best != nullptr && length_of(region) >= length_of(seen))) continue;
      best = &slot;
      seen = region;
    }
    if (best == nullptr) return 0;
    if (!best->compare_exchange(seen, 0)) continue;
    kept_total.fetch_add(-length_of(seen));
    const uintptr_t start = start_of(seen);
    if (length_of(seen) > length) keep(start + length, length_of(seen) - length);
    if (mprotect(at(start), length, PROT_READ | PROT_WRITE) == 0 &&
        madvise(at(start), length, MADV_KEEPONFORK) == 0)
      return start;
    munmap(at(start), length);
  }
  return 0;
}

// Only what is private anonymous memory from end to end can be kept: it may have been replaced behind our
// back, for not everybody frees with vm_deallocate. MADV_WIPEONFORK succeeds on nothing else, and spares a
// child the copies.
bool put(uintptr_t start, size_t length) {
  if (length > kKeepMost || kept_total.load() + length > kKeepMost) return false;
  if (madvise(at(start), length, MADV_WIPEONFORK) != 0 || mprotect(at(start), length, PROT_NONE) != 0)
    return false;
  keep(start, length);
  return true;
}

void* map_some(size_t length, int flags) {
  void* memory = mmap(nullptr, length, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | flags, -1, 0);
  return memory == MAP_FAILED ? nullptr : memory;
}

// Fresh memory, faulted in by one call rather than page by page. Long regions get huge pages where there are
// any.
void* map_fresh(size_t length) {
  if (length < kHugeFrom) return map_some(length, MAP_POPULATE);
  void* memory = map_some(length + kHugePage, 0);
  if (memory == nullptr) return map_some(length, 0);
  const auto first = reinterpret_cast<uintptr_t>(memory);
  const uintptr_t start = (first + kHugePage - 1) & ~(kHugePage - 1);
  if (start != first) munmap(memory, start - first);
  if (first + kHugePage != start) munmap(at(start + length), first + kHugePage - start);
  madvise(at(start), length, MADV_HUGEPAGE);
  madvise(at(start), length, MADV_POPULATE_WRITE);
  return at(start);
}

}  // namespace

void* map_for_receive(size_t size, size_t offset) {
  const KeepErrno errno_kept;
  if (size == 0 || size > SIZE_MAX / 2 || offset >= kPage) return nullptr;
  const size_t length = page_up(offset + size);
  auto* start = static_cast<char*>(at(take(length)));
  if (start == nullptr) {
    start = static_cast<char*>(map_fresh(length));
    if (start == nullptr) return nullptr;
  } else {
    memset(start, 0, offset);
    memset(start + offset + size, 0, length - offset - size);
  }
  maximum_forget(reinterpret_cast<uintptr_t>(start), reinterpret_cast<uintptr_t>(start) + length);
  return start + offset;
}

bool unmap(void* address, size_t size) {
  const KeepErrno errno_kept;
  const uintptr_t start = page_down(reinterpret_cast<uintptr_t>(address));
  const uintptr_t end = page_up(reinterpret_cast<uintptr_t>(address) + size);
  if (size == 0 || end <= start) return true;
  maximum_forget(start, end);
  if (put(start, end - start)) return true;
  return munmap(at(start), end - start) == 0 || errno != ENOMEM;
}

size_t kept_bytes() {
  size_t total = 0;
  for (const Hint<uint64_t>& slot : kept) total += length_of(slot.load());
  return total;
}

void drop_kept(uintptr_t start, uintptr_t end) {
  const KeepErrno errno_kept;
  for (Hint<uint64_t>& slot : kept) {
    uint64_t region = slot.load();
    if (region == 0 || start_of(region) >= end || start >= start_of(region) + length_of(region)) continue;
    if (!slot.compare_exchange(region, 0)) continue;
    kept_total.fetch_add(-length_of(region));
    munmap(at(start_of(region)), length_of(region));
  }
}

}  // namespace portolan::vm
