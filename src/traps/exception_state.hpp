// SPDX-License-Identifier: Apache-2.0
// What Linux tells a signal's handler, in Darwin's words: a fault as an exception with its codes (tasks 4.9),
// and registers as a thread's state. Pure functions.
#pragma once

#include <signal.h>
#include <ucontext.h>

#include <cstdint>

namespace portolan {

struct Fault {
  uint32_t type = 0;  // EXC_*; 0: not one
  uint64_t code = 0, subcode = 0;
};
Fault fault_of(int signal, const siginfo_t& info, const ucontext_t& interrupted);

// `context` is the ucontext_t. The number of words, 0 for a flavor that is not built.
uint32_t exception_state_get(const void* context, uint32_t flavor, uint32_t* words);
// False: no such flavor, or not so many words.
bool exception_state_set(ucontext_t& context, uint32_t flavor, const uint32_t* words, uint32_t count);

}  // namespace portolan
