// SPDX-License-Identifier: Apache-2.0
// What a task finds when it starts: its own port, the bootstrap port.
#ifndef PORTOLAN_MACH_MACH_INIT_H_
#define PORTOLAN_MACH_MACH_INIT_H_

#include <mach/mach_types.h>
#include <mach/port.h>
#include <portolan/export.h>
#include <pthread.h>

// Slots of mach_ports_register (tasks 1.7).
#define NAME_SERVER_SLOT      0
#define ENVIRONMENT_SLOT      1
#define SERVICE_SLOT          2
#define MACH_PORTS_SLOTS_USED 3

PORTOLAN_BEGIN_DECLS

// The name of this task's port, set before main and again in a fork's child (tasks 1.1, 1.2).
extern PORTOLAN_EXPORT mach_port_t mach_task_self_;

// A send right to the namespace of services, set before main and again in a fork's child; null if there is
// none (bootstrap 12.5).
extern PORTOLAN_EXPORT mach_port_t bootstrap_port;

// The host's port. Produces one user reference of a send right, for the caller to release. Does not block.
// Returns MACH_PORT_NULL on failure (tasks 1.1).
PORTOLAN_EXPORT mach_port_t mach_host_self(void);

// The calling thread's port. Produces one user reference of a send right, for the caller to release. Does
// not block. Returns MACH_PORT_NULL on failure (tasks 1.1).
PORTOLAN_EXPORT mach_port_t mach_thread_self(void);

// The name of a thread's port. Produces no reference: the name is good while the thread lives. Does not
// block.
// Returns MACH_PORT_NULL for a thread that is not known (tasks 1.1).
PORTOLAN_EXPORT mach_port_t pthread_mach_thread_np(pthread_t thread);

PORTOLAN_END_DECLS

// Reads the variable: no call, no reference.
#define mach_task_self() mach_task_self_
#define current_task()   mach_task_self()

#endif  // PORTOLAN_MACH_MACH_INIT_H_
