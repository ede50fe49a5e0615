// SPDX-License-Identifier: Apache-2.0
// The memory guard: a stray pointer of the program cannot corrupt the domain, since the segment is
// write-denied (closed) while nobody is inside a trap (KERNEL.md 19). There are two kinds:
//
//   keys      where the CPU has protection keys: a thread can write while that thread is inside a trap
//   mapping   a debug mode that works everywhere, asked for by PORTOLAN_GUARD=mprotect: the mapping is
//             read-only while no thread of the process is inside a trap. It costs system calls at each trap,
//             and a thread's stray write goes through while another one is inside; who sleeps in a trap is
//             not inside
//
// A page range stays outside the guard: the life words, which the Linux kernel writes when a thread dies, and
// which robust mutexes of the program are linked with.
//
// State of the process and of the thread, not of the segment. No locks of the kernel; opening and closing the
// mapping takes one of the process, with signals blocked. If we die here: so does the process, and nothing is
// lost.
#pragma once

#include <cstdint>

#include "segment/guard_kind.hpp"
#include "segment/segment.hpp"

namespace portolan {

namespace detail {
// Both bits of our key in PKRU; 0: unguarded; kGuardMapping, which are bits of no key of ours: by mprotect.
extern uint32_t guard_mask;
inline constexpr uint32_t kGuardMapping = 1;
// What guard_open, _shut and _close are in that mode; `open`: this thread counts as inside from now on.
uint32_t guard_mapping(bool open);
}  // namespace detail

inline bool guard_active() { return detail::guard_mask != 0; }
inline bool guard_by_mapping() { return detail::guard_mask == detail::kGuardMapping; }

// Puts a mapped segment under the guard, closed. False: this CPU or kernel cannot do that, and the segment
// stays unguarded; guard_reason says why. `off` always can.
bool guard_protect(const Segment& segment, Guard kind);
// In words, for `info`; nullptr while the guard is active.
const char* guard_reason();

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
  if (mask == detail::kGuardMapping) return detail::guard_mapping(true);
  const uint32_t rights = guard_rights();
  guard_set_rights(rights & ~mask);
  return rights;
}
// What guard_close has to be given so that the segment is closed then, whatever it was before.
inline uint32_t guard_closed(uint32_t rights) {
  const uint32_t mask = detail::guard_mask;
  if (mask == detail::kGuardMapping) return 0;
  return (rights & ~mask) | (mask & 0xaaaaaaaau);
}
// Closed for a while inside an open section, so that nothing is born, and no handler of the program's runs,
// with it open; guard_close with the answer reopens.
inline uint32_t guard_shut() {
  const uint32_t mask = detail::guard_mask;
  if (mask == 0) return 0;
  if (mask == detail::kGuardMapping) return detail::guard_mapping(false);
  const uint32_t rights = guard_rights();
  guard_set_rights(guard_closed(rights));
  return rights;
}
inline void guard_close(uint32_t rights) {
  const uint32_t mask = detail::guard_mask;
  if (mask == 0) return;
  if (mask == detail::kGuardMapping)
    detail::guard_mapping(rights != 0);
  else
    guard_set_rights(rights);
}

// Around a system call that sleeps: a key is this thread's alone and may stay open, the mapping may not.
class GuardAsleep {
 public:
  GuardAsleep() : rights_(guard_by_mapping() ? guard_shut() : 0) {}
  ~GuardAsleep() {
    if (rights_ != 0) guard_close(rights_);
  }
  GuardAsleep(const GuardAsleep&) = delete;
  GuardAsleep& operator=(const GuardAsleep&) = delete;

 private:
  uint32_t rights_;
};

}  // namespace portolan
