// SPDX-License-Identifier: Apache-2.0
// The largest machine state that a message may carry, in words.
#ifndef PORTOLAN_MACH_MACHINE_THREAD_STATE_H_
#define PORTOLAN_MACH_MACHINE_THREAD_STATE_H_

#if defined(__x86_64__)
#include <mach/i386/thread_state.h>
#elif defined(__aarch64__)
#include <mach/arm/thread_state.h>
#endif

#define THREAD_STATE_MAX 1296

#endif  // PORTOLAN_MACH_MACHINE_THREAD_STATE_H_
