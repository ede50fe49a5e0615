// SPDX-License-Identifier: Apache-2.0
#include "vm/maximum.hpp"

#include <algorithm>

#include "segment/cell.hpp"
#include "segment/futex.hpp"

namespace portolan::vm {

namespace {

constexpr unsigned kMost = 64;

// Ranges may overlap: what all of them leave is the maximum.
struct Limit {
  uintptr_t start, end;  // start == end: unused
  vm_prot_t maximum;
};
Limit limits[kMost];
Hint<uint32_t> used;  // how many: read without the lock
Hint<uint32_t> locked;

class Lock {
 public:
  Lock() {
    for (unsigned i = 0; i < 1'000'000 && !held_; i++) {
      uint32_t free = 0;
      held_ = locked.compare_exchange(free, 1);
      if (!held_) cpu_relax();
    }
  }
  ~Lock() {
    if (held_) locked.store(0, std::memory_order_release);
  }
  Lock(const Lock&) = delete;
  Lock& operator=(const Lock&) = delete;
  explicit operator bool() const { return held_; }

 private:
  bool held_ = false;
};

Limit* unused() {
  for (Limit& limit : limits)
    if (limit.start == limit.end) return &limit;
  return nullptr;
}

}  // namespace

vm_prot_t maximum_of(uintptr_t start, uintptr_t end) {
  vm_prot_t maximum = VM_PROT_ALL;
  if (used.load(std::memory_order_acquire) == 0) return maximum;
  const Lock lock;
  for (const Limit& limit : limits)
    if (limit.start < end && start < limit.end) maximum &= limit.maximum;
  return maximum;
}

bool maximum_lower(uintptr_t start, uintptr_t end, vm_prot_t maximum) {
  if ((maximum & VM_PROT_ALL) == VM_PROT_ALL) return true;
  const Lock lock;
  if (!lock) return false;
  for (Limit& limit : limits) {
    if (limit.start != start || limit.end != end) continue;
    limit.maximum &= maximum;
    return true;
  }
  Limit* limit = unused();
  if (limit == nullptr) return false;
  *limit = {start, end, maximum};
  used.fetch_add(1);
  return true;
}

void maximum_forget(uintptr_t start, uintptr_t end) {
  if (used.load(std::memory_order_acquire) == 0) return;
  const Lock lock;
  if (!lock) return;
  for (Limit& limit : limits) {
    if (limit.start >= end || start >= limit.end) continue;
    const Limit whole = limit;
    limit.end = std::max(whole.start, std::min(whole.end, start));
    const bool front = limit.end > limit.start;
    if (!front) limit.end = limit.start;
    if (whole.end > end) {
      // Without room for the part behind, the memory there is as free as it was at first.
      Limit* behind = front ? unused() : &limit;
      if (behind != nullptr) *behind = {end, whole.end, whole.maximum};
      if (front && behind != nullptr) used.fetch_add(1);
    } else if (!front) {
      used.fetch_add(static_cast<uint32_t>(-1));
    }
  }
}

}  // namespace portolan::vm
