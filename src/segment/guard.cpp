// SPDX-License-Identifier: Apache-2.0
// Both kinds of guard: taking a key, and changing the mapping's protection.
#include "segment/guard.hpp"

#include <errno.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "segment/futex.hpp"
#include "segment/keep_errno.hpp"

namespace portolan {

namespace detail {
uint32_t guard_mask;
}

namespace {

constexpr unsigned kDisableAccess = 1, kDisableWrite = 2;
const char* g_reason = "no segment is mapped";

// The two ranges around the life words.
struct Range {
  std::byte* from;
  size_t length;
};
struct Ranges {
  Range range[2];
};
Ranges guarded(const Segment& segment) {
  const Header& header = segment.header();
  return {{{segment.base(), header.life_base},
           {segment.base() + header.slots_base, segment.size() - header.slots_base}}};
}

// -- keys

int g_key = -1;  // survives a fork, as the key itself does

#if defined(__x86_64__) && defined(SYS_pkey_alloc)
bool take_key() {
  if (g_key >= 0) return true;
  const long key = syscall(SYS_pkey_alloc, 0, kDisableWrite);
  if (key < 0) {
    g_reason = "no protection keys on this CPU or kernel, or none left";
    return false;
  }
  g_key = static_cast<int>(key);
  return true;
}

bool protect_by_key(const Segment& segment) {
  if (!take_key()) return false;
  for (const Range& range : guarded(segment).range) {
    if (syscall(SYS_pkey_mprotect, range.from, range.length, PROT_READ | PROT_WRITE, g_key) == 0) continue;
    g_reason = "Linux refused to put the segment under a protection key";
    return false;
  }
  // This thread may have been born with the key open or wholly shut: shut for writing is what `closed` means.
  const unsigned shift = 2 * static_cast<unsigned>(g_key);
  guard_set_rights((guard_rights() & ~((kDisableAccess | kDisableWrite) << shift)) | kDisableWrite << shift);
  detail::guard_mask = (kDisableAccess | kDisableWrite) << shift;
  return true;
}
#else
bool protect_by_key(const Segment&) {
  (void)g_key;
  g_reason = "no protection keys on this kind of CPU";
  return false;
}
#endif

// -- the mapping

// How many threads are inside, and whether this one is; changed under the lock. A fork copies all of it: the
// child's only thread sets it anew as it joins.
Ranges g_ranges;
Hint<uint32_t> g_lock;  // 0: free, 1: held, 2: and somebody sleeps on it
uint32_t g_inside;
constinit thread_local bool t_inside = false;

bool set_protection(int protection) {
  for (const Range& range : g_ranges.range)
    if (mprotect(range.from, range.length, protection) != 0) return false;
  return true;
}

// With signals blocked: a handler of this thread opens the mapping, too.
class MappingLock {
 public:
  MappingLock() {
    const uint64_t all = ~uint64_t{0};
    syscall(SYS_rt_sigprocmask, SIG_SETMASK, &all, &mask_, sizeof all);
    uint32_t seen = 0;
    if (g_lock.compare_exchange(seen, 1)) return;
    while (g_lock.exchange(2) != 0)
      futex_wait_briefly({g_lock.address(), 2}, 1'000'000'000, kNever);
  }
  ~MappingLock() {
    if (g_lock.exchange(0) == 2) futex_wake(g_lock.address(), 1);
    syscall(SYS_rt_sigprocmask, SIG_SETMASK, &mask_, nullptr, sizeof mask_);
  }
  MappingLock(const MappingLock&) = delete;
  MappingLock& operator=(const MappingLock&) = delete;

 private:
  uint64_t mask_ = 0;
};

bool protect_by_mapping(const Segment& segment) {
  g_ranges = guarded(segment);
  g_lock.store(0);
  g_inside = 0;
  t_inside = false;
  if (!set_protection(PROT_READ)) {
    g_reason = "Linux refused to make the mapping read-only";
    set_protection(PROT_READ | PROT_WRITE);
    return false;
  }
  detail::guard_mask = detail::kGuardMapping;
  return true;
}

}  // namespace

uint32_t detail::guard_mapping(bool open) {
  const bool was = t_inside;
  if (was == open) return was;
  const KeepErrno keep;
  const MappingLock lock;
  t_inside = open;
  if (open) {
    if (g_inside++ == 0 && !set_protection(PROT_READ | PROT_WRITE))
      kernel_panic("Linux refuses to make the mapping writable again");
  } else if (--g_inside == 0) {
    // Refused only where the process has no room for another mapping: then it stays open for once.
    set_protection(PROT_READ);
  }
  return was;
}

bool guard_protect(const Segment& segment, Guard kind) {
  detail::guard_mask = 0;
  g_reason = "switched off by PORTOLAN_GUARD";
  if (kind == Guard::off) return true;
  if (!(kind == Guard::keys ? protect_by_key(segment) : protect_by_mapping(segment))) return false;
  g_reason = nullptr;
  return true;
}

const char* guard_reason() { return g_reason; }

}  // namespace portolan
