// SPDX-License-Identifier: Apache-2.0
// Limits.
#ifndef PORTOLAN_MACH_MACH_PARAM_H_
#define PORTOLAN_MACH_MACH_PARAM_H_

#define TASK_PORT_REGISTER_MAX        3
#define TASK_MAX_WATCHPORT_COUNT      128
#define TASK_SELF_PORT_COUNT          4
#define THREAD_SELF_PORT_COUNT        3
#define MAXCONCLAVENAME               128
#define TASK_MAX_EXCEPTION_PORT_COUNT 14

#endif  // PORTOLAN_MACH_MACH_PARAM_H_
