// SPDX-License-Identifier: Apache-2.0
// Sites: the call stacks that acquire rights, recorded while somebody wants to know (`portolan check`,
// PORTOLAN_SITES). A stack is kept once a domain, as a Site; entries refer to it by its index.
//
// Frame 0 of a site is the call into the library (`mach_thread_self`), the others are the program's,
// innermost first. All are return addresses, as module << 48 | address in the module's file.
#pragma once

#include "ipc/objects.hpp"

namespace portolan {

// Site::depth is the number of frames, and this bit when the stack went on beyond them.
inline constexpr uint32_t kSiteCut = 0x100;

// The site of the caller's stack, and the time, which goes to Thread::now_ns; 0 when it cannot be recorded
// (no memory, more than 65,535 modules). Outside any transaction, with the guard open; takes shared locks
// only for a stack that this process has not met before. May be called from a signal handler that may trap.
uint32_t record_site(Thread& self);

// Forgets what this process knows of its sites. For tests, which make one segment after the other at one
// address.
void sites_forget();

namespace detail {

// Where the code at `pc` was loaded from; the process-private half of the module map.
struct Mapped {
  uintptr_t start, end;  // end 0: unloaded, superseded
  uintptr_t bias;        // address in memory - address in the file
  Hint<uint64_t> known;  // salt << 32 | index of its Module in the segment with that salt
  uint32_t build_id_length;
  uint8_t build_id[sizeof(ipc::Module::build_id)];
  char path[sizeof(ipc::Module::path)];
};
Mapped* module_at(uintptr_t pc);
// The Module of the segment that stands for it, made if need be; 0: it cannot be made.
uint32_t module_index(Thread& self, Mapped& mapped, uint32_t salt);

}  // namespace detail
}  // namespace portolan
