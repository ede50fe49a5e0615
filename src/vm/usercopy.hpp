// SPDX-License-Identifier: Apache-2.0
// Copies between the program's memory and the kernel's, which bad pointers cannot kill (KERNEL.md 20).
//
// The copying is done by one routine of our own (usercopy.S). An access in it that faults is mended by
// whoever handles SIGSEGV and SIGBUS for the process, through usercopy_fixup: the routine then returns a
// failure. Nothing is probed, so a good pointer costs nothing. The routine uses no stack and changes no
// register that a caller keeps, so that any of its instructions may be the one that faults.
//
// The one thing here that is the process's and not the segment's is the mode: who is in charge of the two
// signals is a fact about the process. Not to be called inside a transaction, for a fault may take
// arbitrarily long.
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "segment/segment.hpp"

extern "C" int portolan_usercopy(void* to, const void* from, size_t length);  // 0, or 1 after a fault

namespace portolan::vm {

enum class CopyMode : uint32_t {
  fixups,     // our handler is in charge: faults are mended
  transfers,  // it is not: each copy is a system call that reports a bad address
};

void usercopy_set_mode(CopyMode mode);
CopyMode usercopy_mode();

// What the two do while the mode is `transfers`.
bool transfer_from_user(void* kernel, const void* user, size_t length);
bool transfer_to_user(void* user, const void* kernel, size_t length);

namespace detail {
extern uint32_t copy_mode;  // a CopyMode
inline bool fixups() {
  return __builtin_expect(
      portolan::detail::load_relaxed(copy_mode) == static_cast<uint32_t>(CopyMode::fixups), 1);
}
}  // namespace detail

// True: all of it was copied. False: an access faulted; then a part may have been.
inline bool copy_from_user(void* kernel, const void* user, size_t length) {
  if (!detail::fixups()) return transfer_from_user(kernel, user, length);
  return portolan_usercopy(kernel, user, length) == 0;
}
inline bool copy_to_user(void* user, const void* kernel, size_t length) {
  if (!detail::fixups()) return transfer_to_user(user, kernel, length);
  return portolan_usercopy(user, kernel, length) == 0;
}

// Could this be memory of the program? Not the null page, not wrapping around, and not the kernel's own
// mapping, which no trap may be talked into reading or writing. An empty range always could.
inline bool user_range_ok(const Segment& segment, const void* user, size_t length) {
  if (length == 0) return true;
  const auto first = reinterpret_cast<uintptr_t>(user);
  const auto kernel = reinterpret_cast<uintptr_t>(segment.base());
  if (first < kPage || first + (length - 1) < first) return false;
  return first + (length - 1) < kernel || first >= kernel + segment.size();
}

// For the handler of SIGSEGV and SIGBUS, with its third argument: true when the fault was in the copy
// routine, and will be mended by returning. Changes the instruction pointer and nothing else.
bool usercopy_fixup(void* ucontext);

// A minimal handler for processes that are not joined (tests, tools): mends our faults, and lets all others
// end the process as they would have. False when it could not be installed.
bool install_plain_fault_handler();

}  // namespace portolan::vm
