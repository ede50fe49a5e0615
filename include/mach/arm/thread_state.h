// SPDX-License-Identifier: Apache-2.0
// The largest machine state on ARM, in words.
#ifndef PORTOLAN_MACH_ARM_THREAD_STATE_H_
#define PORTOLAN_MACH_ARM_THREAD_STATE_H_

#define ARM_THREAD_STATE_MAX 1296

#endif  // PORTOLAN_MACH_ARM_THREAD_STATE_H_
