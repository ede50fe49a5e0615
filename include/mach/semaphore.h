// SPDX-License-Identifier: Apache-2.0
// Semaphores (tasks 6.1); semaphore_create and semaphore_destroy are in mach/task.h.
//
// A semaphore is named by send rights, which these calls use and do not consume. They return
// KERN_INVALID_NAME for a name that is null, dead or unknown, KERN_INVALID_RIGHT for one that cannot send,
// KERN_INVALID_CAPABILITY for a port that is no semaphore, and KERN_TERMINATED once the semaphore is
// destroyed. These codes are not repeated below.
#ifndef PORTOLAN_MACH_SEMAPHORE_H_
#define PORTOLAN_MACH_SEMAPHORE_H_

#include <mach/clock_types.h>
#include <mach/kern_return.h>
#include <mach/mach_types.h>
#include <mach/machine/vm_types.h>
#include <mach/sync_policy.h>
#include <portolan/export.h>

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

PORTOLAN_BEGIN_DECLS

// Lets one waiter go, or the next that comes. Does not block. Returns KERN_SUCCESS.
PORTOLAN_EXPORT kern_return_t semaphore_signal(semaphore_t semaphore);

// Lets all waiters go, and nobody that comes later. Does not block. Returns KERN_SUCCESS.
PORTOLAN_EXPORT kern_return_t semaphore_signal_all(semaphore_t semaphore);

// Lets one waiter go, with a null thread whichever it is, but nobody that comes later. Does not block.
// Returns KERN_SUCCESS, KERN_NOT_WAITING, or KERN_INVALID_ARGUMENT if `thread` is none.
PORTOLAN_EXPORT kern_return_t semaphore_signal_thread(semaphore_t semaphore, thread_t thread);

// Takes one from the count, or blocks until somebody signals.
// Returns KERN_SUCCESS, or KERN_ABORTED when a signal handler was run.
PORTOLAN_EXPORT kern_return_t semaphore_wait(semaphore_t semaphore);

// The same, and in one step with it signals another, whose name is looked at first.
PORTOLAN_EXPORT kern_return_t semaphore_wait_signal(semaphore_t wait_semaphore, semaphore_t signal_semaphore);

// The same within a time from now; none at all only looks.
// Returns KERN_SUCCESS, KERN_OPERATION_TIMED_OUT, KERN_ABORTED, or KERN_INVALID_VALUE for a time that there
// is not, before the name is looked at.
PORTOLAN_EXPORT kern_return_t semaphore_timedwait(semaphore_t semaphore, mach_timespec_t wait_time);

// Both of them.
PORTOLAN_EXPORT kern_return_t semaphore_timedwait_signal(semaphore_t wait_semaphore,
                                                         semaphore_t signal_semaphore,
                                                         mach_timespec_t wait_time);

PORTOLAN_END_DECLS

#endif  // PORTOLAN_MACH_SEMAPHORE_H_
