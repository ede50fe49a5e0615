// SPDX-License-Identifier: Apache-2.0
// The calls on a task. More come later. The task is named by its port, which is used, not consumed; one
// that is no live send right gives MACH_SEND_INVALID_DEST.
#ifndef PORTOLAN_MACH_TASK_H_
#define PORTOLAN_MACH_TASK_H_

#include <mach/exception_types.h>
#include <mach/kern_return.h>
#include <mach/mach_types.h>
#include <mach/message.h>
#include <mach/port.h>
#include <mach/task_info.h>
#include <mach/task_special_ports.h>
#include <mach_debug/ipc_info.h>
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

// Ends a task, as SIGKILL does (tasks 1.9). Consumes nothing. Does not wait for the end; a task that ends itself does not
// come back.
// Returns KERN_SUCCESS, KERN_INVALID_ARGUMENT if the task is none or is ending, or KERN_FAILURE if Linux forbids it.
PORTOLAN_EXPORT kern_return_t task_terminate(task_t target_task);

// What is known about a task (tasks 1.8): TASK_BASIC_INFO, TASK_BASIC_INFO_32, MACH_TASK_BASIC_INFO, TASK_SECURITY_TOKEN
// and TASK_AUDIT_TOKEN. The count is the room in words before, and what was used of it afterwards. Does not block.
// Returns KERN_SUCCESS, or KERN_INVALID_ARGUMENT if the task is none or is ending, for other flavors, and for too
// little room.
PORTOLAN_EXPORT kern_return_t task_info(task_name_t target_task, task_flavor_t flavor, task_info_t task_info_out,
                                        mach_msg_type_number_t* task_info_outCnt);

// The threads of a task that have made a trap (tasks 1.8). Produces one user reference of a send right to each, and the
// array out of line, for the caller to vm_deallocate. Does not block.
// Returns KERN_SUCCESS, KERN_INVALID_ARGUMENT, KERN_FAILURE if the task is ending, KERN_NO_SPACE or
// KERN_RESOURCE_SHORTAGE.
PORTOLAN_EXPORT kern_return_t task_threads(task_inspect_t target_task, thread_act_array_t* act_list,
                                           mach_msg_type_number_t* act_listCnt);

// What is to be done about exceptions (tasks 4.2): for each type in exception_mask (1 << EXC_*) the task
// keeps a send right to new_port, the behaviour and the state flavour, in place of what it had. Consumes
// nothing: the right is copied; null takes the action away. Children inherit it. Does not block. Returns
// KERN_SUCCESS, KERN_INVALID_ARGUMENT if the task is none, or for a mask, behaviour or flavour that does not
// exist, KERN_FAILURE if the task is ending, MACH_SEND_INVALID_RIGHT if new_port is no send right, or
// KERN_RESOURCE_SHORTAGE.
PORTOLAN_EXPORT kern_return_t task_set_exception_ports(task_t task, exception_mask_t exception_mask,
                                                       mach_port_t new_port, exception_behavior_t behavior,
                                                       thread_state_flavor_t new_flavor);

// What is to be done about exceptions (tasks 4.3): actions that are alike are one entry, in the order of
// their first type; what is not set is an entry with a null port. Produces one user reference of a send right
// for each entry. The arrays need room for EXC_TYPES_COUNT entries; the count is how many there are. Does not
// block. Returns KERN_SUCCESS, KERN_INVALID_ARGUMENT, KERN_FAILURE, KERN_NO_SPACE or KERN_RESOURCE_SHORTAGE.
PORTOLAN_EXPORT kern_return_t task_get_exception_ports(task_t task, exception_mask_t exception_mask,
                                                       exception_mask_array_t masks,
                                                       mach_msg_type_number_t* masksCnt,
                                                       exception_handler_array_t old_handlers,
                                                       exception_behavior_array_t old_behaviors,
                                                       exception_flavor_array_t old_flavors);

// Sets actions and gets those that were there, at once (tasks 4.4). Produces one user reference of a send
// right for each entry. Does not block. Returns what the two calls return, with nothing changed unless it is
// KERN_SUCCESS.
PORTOLAN_EXPORT kern_return_t task_swap_exception_ports(
    task_t task, exception_mask_t exception_mask, mach_port_t new_port, exception_behavior_t behavior,
    thread_state_flavor_t new_flavor, exception_mask_array_t masks, mach_msg_type_number_t* masksCnt,
    exception_handler_array_t old_handlers, exception_behavior_array_t old_behaviors,
    exception_flavor_array_t old_flavors);

// The same as task_get_exception_ports, with what tells ports apart in place of rights; a read port will do
// (tasks 4.3). Produces nothing. Does not block.
// Returns KERN_SUCCESS, KERN_INVALID_ARGUMENT or KERN_FAILURE.
PORTOLAN_EXPORT kern_return_t task_get_exception_ports_info(mach_port_t port, exception_mask_t exception_mask,
                                                            exception_mask_array_t masks,
                                                            mach_msg_type_number_t* masksCnt,
                                                            exception_handler_info_array_t old_handlers_info,
                                                            exception_behavior_array_t old_behaviors,
                                                            exception_flavor_array_t old_flavors);

PORTOLAN_END_DECLS

#endif  // PORTOLAN_MACH_TASK_H_
