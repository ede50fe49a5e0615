// SPDX-License-Identifier: Apache-2.0
// The end of a domain whose memory went away under a trap (KERNEL.md 17): its file was cut short, or a page
// was lost. Private to src/traps.
#pragma once

#include <ucontext.h>

#include "traps/runtime.hpp"

namespace portolan {

// Broken invariants leave the trap that comes upon them from now on, and not the program.
void lost_init();
// For a SIGSEGV or SIGBUS at `address`. True: it was inside a trap, and not in a copy of user memory: the
// domain is marked lost, and on return from the handler the trap's function returns KERN_TERMINATED to its
// caller.
bool segment_lost(ThreadContext& context, const void* address, ucontext_t& interrupted);

}  // namespace portolan
