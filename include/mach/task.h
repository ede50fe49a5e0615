// SPDX-License-Identifier: Apache-2.0
// The calls on a task. More come later. The task is named by its port, which is used, not consumed; one
// that is no live send right gives MACH_SEND_INVALID_DEST.
#ifndef PORTOLAN_MACH_TASK_H_
#define PORTOLAN_MACH_TASK_H_

#include <mach/kern_return.h>
#include <mach/mach_types.h>
#include <mach/message.h>
#include <mach/port.h>
#include <mach/task_special_ports.h>
#include <portolan/export.h>

PORTOLAN_BEGIN_DECLS

// Stores send rights in the task's three slots, for its children too (tasks 1.7). Consumes nothing: the
// rights are copied; what the slots held is released. Missing ones are null. Does not block.
// Returns KERN_SUCCESS, KERN_INVALID_ARGUMENT for more than three or if the task is none, or
// MACH_SEND_INVALID_RIGHT if one is no send right.
PORTOLAN_EXPORT kern_return_t mach_ports_register(task_t target_task, mach_port_array_t init_port_set,
                                                  mach_msg_type_number_t init_port_setCnt);

// The rights in the three slots (tasks 1.7). Produces one user reference of each, and the array out of
// line, for the caller to vm_deallocate: always three, null where there is none. Does not block.
// Returns KERN_SUCCESS, KERN_INVALID_ARGUMENT or KERN_RESOURCE_SHORTAGE.
PORTOLAN_EXPORT kern_return_t mach_ports_lookup(task_t target_task, mach_port_array_t* init_port_set,
                                                mach_msg_type_number_t* init_port_setCnt);

// A special port of a task, TASK_*_PORT (tasks 1.6). Produces one user reference of a send right; null if
// none is set, MACH_PORT_DEAD if it died. Does not block.
// Returns KERN_SUCCESS, KERN_INVALID_ARGUMENT, KERN_FAILURE if the task is ending, or
// KERN_INVALID_CAPABILITY if the task's port is of too weak a form.
PORTOLAN_EXPORT kern_return_t task_get_special_port(task_inspect_t task, int which_port,
                                                    mach_port_t* special_port);

// Sets a special port of a task (tasks 1.6). Consumes nothing: the send right is copied; null takes it
// away. Does not block.
// Returns KERN_SUCCESS, KERN_INVALID_ARGUMENT, KERN_NO_ACCESS for those that cannot be changed,
// KERN_FAILURE if the task is ending, or MACH_SEND_INVALID_RIGHT if special_port is no send right.
PORTOLAN_EXPORT kern_return_t task_set_special_port(task_t task, int which_port, mach_port_t special_port);

// Makes a semaphore of a task's (tasks 6.1). Produces one user reference of a send right. `policy` is
// SYNC_POLICY_FIFO or SYNC_POLICY_LIFO. Does not block. Returns KERN_SUCCESS, KERN_INVALID_ARGUMENT,
// KERN_INVALID_TASK if the task is ending, KERN_NO_SPACE or KERN_RESOURCE_SHORTAGE.
PORTOLAN_EXPORT kern_return_t semaphore_create(task_t task, semaphore_t* semaphore, int policy, int value);

// Destroys a semaphore: whoever waits, and every later call, gets KERN_TERMINATED (tasks 6.1). Consumes one
// user reference whatever it returns. Nothing else happens if the semaphore is another task's, or destroyed.
// Does not block. Returns KERN_SUCCESS, KERN_INVALID_ARGUMENT if there is no semaphore or no task, or
// MACH_SEND_INVALID_RIGHT if the name is no send right.
PORTOLAN_EXPORT kern_return_t semaphore_destroy(task_t task, semaphore_t semaphore);

PORTOLAN_END_DECLS

#endif  // PORTOLAN_MACH_TASK_H_
