// SPDX-License-Identifier: Apache-2.0
#include "segment/guard.hpp"

#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace portolan {

namespace detail {
uint32_t guard_mask;
}

namespace {

constexpr unsigned kDisableAccess = 1, kDisableWrite = 2;
const char* g_reason = "no segment is mapped";
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

bool put_under_key(const std::byte* from, const std::byte* to) {
  return from == to ||
         syscall(SYS_pkey_mprotect, from, static_cast<size_t>(to - from), PROT_READ | PROT_WRITE, g_key) == 0;
}
#endif

}  // namespace

bool guard_protect(const Segment& segment) {
#if defined(__x86_64__) && defined(SYS_pkey_alloc)
  if (!take_key()) return false;
  const Header& header = segment.header();
  if (!put_under_key(segment.base(), segment.base() + header.life_base) ||
      !put_under_key(segment.base() + header.slots_base, segment.base() + segment.size())) {
    g_reason = "Linux refused to put the segment under a protection key";
    return false;
  }
  // This thread may have been born with the key open or wholly shut: shut for writing is what `closed` means.
  const unsigned shift = 2 * static_cast<unsigned>(g_key);
  guard_set_rights((guard_rights() & ~((kDisableAccess | kDisableWrite) << shift)) | kDisableWrite << shift);
  detail::guard_mask = (kDisableAccess | kDisableWrite) << shift;
  g_reason = nullptr;
  return true;
#else
  (void)segment, (void)g_key;
  g_reason = "no protection keys on this kind of CPU";
  return false;
#endif
}

const char* guard_reason() { return g_reason; }

void guard_refuse(const char* reason) { g_reason = reason; }

}  // namespace portolan
