// SPDX-License-Identifier: Apache-2.0
// Exceptions are raised here: in the thread that met with a fault, in the handler of its signal, before any
// handler of the program's (tasks 4.5, 4.9). docs/exceptions.md.
#pragma once

#include <signal.h>
#include <ucontext.h>

namespace portolan {

// Tells thread, task and host, one after the other, as their actions say, and waits for each reply. True: the
// exception is handled, `interrupted` says where the thread goes on. Not inside of a section. May not return:
// a handler of another signal may jump away meanwhile, as it might from anywhere.
bool exception_handled(int signal, const siginfo_t& info, ucontext_t& interrupted);

// The process is about to end by this signal: CRASH, if it is one of those that tell of one (tasks 4.8).
// Returns when it has been answered.
void exception_crash(int signal, const siginfo_t& info, ucontext_t& interrupted);

}  // namespace portolan
