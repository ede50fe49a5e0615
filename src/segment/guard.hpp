// SPDX-License-Identifier: Apache-2.0
// The memory guard: where the CPU has protection keys, a thread can write the segment only while it is inside
// a trap, so that a stray pointer of the program cannot corrupt the domain (KERNEL.md 19). Closed means
// write-denied. A page range stays outside the guard: the life words, which the Linux kernel writes when a
// thread dies, and which robust mutexes of the program are linked with.
//
// State of the process and of the thread (PKRU), not of the segment. No locks. If we die here: nothing is
// lost.
#pragma once

#include <cstdint>

#include "segment/segment.hpp"

namespace portolan {

namespace detail {
extern uint32_t guard_mask;  // both bits of our key in PKRU; 0: unguarded
}

inline bool guard_active() { return detail::guard_mask != 0; }

// Puts a mapped segment under the process's key. False: this CPU or kernel has no keys left, and the segment
// stays unguarded; guard_reason says why.
bool guard_protect(const Segment& segment);
// In words, for `info`; nullptr while the guard is active.
const char* guard_reason();
// Stays unguarded by the user's wish.
void guard_refuse(const char* reason);

#if defined(__x86_64__)
inline uint32_t guard_rights() {
  uint32_t low, high;
  __asm__ volatile("rdpkru" : "=a"(low), "=d"(high) : "c"(0));
  return low;
}
inline void guard_set_rights(uint32_t rights) {
  __asm__ volatile("wrpkru" : : "a"(rights), "c"(0), "d"(0) : "memory");
}
#else
inline uint32_t guard_rights() { return 0; }
inline void guard_set_rights(uint32_t) {}
#endif

// Opens the segment to this thread; returns what guard_close restores.
inline uint32_t guard_open() {
  const uint32_t mask = detail::guard_mask;
  if (mask == 0) return 0;
  const uint32_t rights = guard_rights();
  guard_set_rights(rights & ~mask);
  return rights;
}
// Closed for a while inside an open section, so that nothing is born with it open; guard_close with the
// answer reopens.
inline uint32_t guard_shut() {
  const uint32_t mask = detail::guard_mask;
  if (mask == 0) return 0;
  const uint32_t rights = guard_rights();
  guard_set_rights((rights & ~mask) | (mask & 0xaaaaaaaau));
  return rights;
}
inline void guard_close(uint32_t rights) {
  if (detail::guard_mask != 0) guard_set_rights(rights);
}

}  // namespace portolan
