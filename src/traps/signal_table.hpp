// SPDX-License-Identifier: Apache-2.0
// What the program wants done on each signal, where the kernel was told to call our trampoline. Private to
// src/traps.
#pragma once

#include <signal.h>

#include <cstdint>

namespace portolan {

struct SignalRow {
  uintptr_t handler = 0;  // SIG_DFL and SIG_IGN only for our own signals, and those that are watched
  uint64_t mask = 0;
  int flags = 0;
};

SignalRow signal_row(int signal);
// Who watches it; null: nobody.
void (*signal_watcher(int signal))(int, const siginfo_t&);
// SA_RESETHAND: the next one has its default effect.
void signal_reset(int signal);
void signal_trampoline(int signal, siginfo_t* info, void* user_context);

// sigaction() as the program sees it: -1 with errno on failure.
int signal_action(int signal, const struct sigaction* action, struct sigaction* old);

}  // namespace portolan
