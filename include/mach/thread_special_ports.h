// SPDX-License-Identifier: Apache-2.0
// The special ports of a thread (tasks 1.6).
#ifndef PORTOLAN_MACH_THREAD_SPECIAL_PORTS_H_
#define PORTOLAN_MACH_THREAD_SPECIAL_PORTS_H_

#define THREAD_KERNEL_PORT      1  // the thread itself
#define THREAD_INSPECT_PORT     2
#define THREAD_READ_PORT        3
#define THREAD_MAX_SPECIAL_PORT THREAD_READ_PORT

#define thread_get_kernel_port(thread, port) (thread_get_special_port((thread), THREAD_KERNEL_PORT, (port)))

#endif  // PORTOLAN_MACH_THREAD_SPECIAL_PORTS_H_
