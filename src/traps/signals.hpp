// SPDX-License-Identifier: Apache-2.0
// Signals and the kernel (KERNEL.md 12, 20). Every handler that the program installs is called through a
// trampoline:
//
//   outside a section   the program's handler runs, with the mask that it asked for
//   inside a section    an asynchronous signal is kept, all others are blocked, the interrupt word changes: a
//   wait that
//                       may be interrupted ends by itself, under its object's lock. The end of the section
//                       sends the signal again. So a handler never runs, nor jumps away, while a lock is held
//                       or a list waited on
//   a fault             in the copy routines: mended. In a trap otherwise, or BUS in the segment: the domain
//   is
//                       lost, and the trap returns KERN_TERMINATED. Anywhere else, and where the memory guard
//                       stops a wild store: the program's handler, or its death by this signal
//
// A fault outside of a section is an exception first (exception.hpp).
//
// The trampoline handles the signals of faults and SIGABRT always; for the rest it stands only where the
// program has a handler. It uses thread-local memory alone: the segment may be closed to it.
//
// Divergence from Linux: SEGV and BUS are never blocked, and handlers start with all signals blocked for an
// instant.
#pragma once

#include "traps/runtime.hpp"

namespace portolan {

// Takes over the signals of faults and SIGABRT, keeping what is there as the program's, and whatever handlers
// it has already: it may have loaded us late.
void signals_init();
// Does the kernel still call us for the two? If not, copies of user memory go another way.
bool signals_in_charge();
// Sends what was deferred again and restores the mask. Handlers run before this returns; it may not return.
void signals_deliver(ThreadContext& context);
// Restores the mask and sends nothing.
void signals_forget(ThreadContext& context);

// Shows every arrival of a signal to `seen`, in its handler, before the program's own disposition takes
// effect: the trampoline stands there whatever that is. null: no more. False: this signal cannot be watched.
bool signal_watch(int signal, void (*seen)(int signal, const siginfo_t& info));

}  // namespace portolan
