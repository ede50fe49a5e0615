// SPDX-License-Identifier: Apache-2.0
// Semaphores. The calls come later; these are the options of the kernel's wait.
#ifndef PORTOLAN_MACH_SEMAPHORE_H_
#define PORTOLAN_MACH_SEMAPHORE_H_

#include <mach/machine/vm_types.h>
#include <mach/sync_policy.h>

#define SEMAPHORE_OPTION_NONE      0x0
#define SEMAPHORE_SIGNAL           0x1
#define SEMAPHORE_WAIT             0x2
#define SEMAPHORE_WAIT_ON_SIGNAL   0x8
#define SEMAPHORE_SIGNAL_TIMEOUT   0x10
#define SEMAPHORE_SIGNAL_ALL       0x20
#define SEMAPHORE_SIGNAL_INTERRUPT 0x40
#define SEMAPHORE_SIGNAL_PREPOST   0x80
#define SEMAPHORE_WAIT_TIMEOUT     0x100
#define SEMAPHORE_WAIT_INTERRUPT   0x400
#define SEMAPHORE_TIMEOUT_NOBLOCK  0x100000
#define SEMAPHORE_TIMEOUT_RELATIVE 0x200000
#define SEMAPHORE_USE_SAVED_RESULT 0x1000000
#define SEMAPHORE_SIGNAL_RELEASE   0x2000000
#define SEMAPHORE_THREAD_HANDOFF   0x4000000

#endif  // PORTOLAN_MACH_SEMAPHORE_H_
