// SPDX-License-Identifier: Apache-2.0
// Options of a switch from one thread to another.
#ifndef PORTOLAN_MACH_THREAD_SWITCH_H_
#define PORTOLAN_MACH_THREAD_SWITCH_H_

#define SWITCH_OPTION_NONE                0
#define SWITCH_OPTION_DEPRESS             1
#define SWITCH_OPTION_WAIT                2
#define SWITCH_OPTION_DISPATCH_CONTENTION 3
#define SWITCH_OPTION_OSLOCK_DEPRESS      4
#define SWITCH_OPTION_OSLOCK_WAIT         5

#endif  // PORTOLAN_MACH_THREAD_SWITCH_H_
