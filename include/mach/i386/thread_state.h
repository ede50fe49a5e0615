// SPDX-License-Identifier: Apache-2.0
// The largest machine state on x86, in words.
#ifndef PORTOLAN_MACH_I386_THREAD_STATE_H_
#define PORTOLAN_MACH_I386_THREAD_STATE_H_

#define I386_THREAD_STATE_MAX 614

#endif  // PORTOLAN_MACH_I386_THREAD_STATE_H_
