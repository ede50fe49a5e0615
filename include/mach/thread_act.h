// SPDX-License-Identifier: Apache-2.0
// The calls on a thread. More come later. The thread is named by its port, which is used, not consumed; one
// that is no live send right gives MACH_SEND_INVALID_DEST.
#ifndef PORTOLAN_MACH_THREAD_ACT_H_
#define PORTOLAN_MACH_THREAD_ACT_H_

#include <mach/exception_types.h>
#include <mach/kern_return.h>
#include <mach/mach_types.h>
#include <mach/port.h>
#include <mach/thread_special_ports.h>
#include <mach_debug/ipc_info.h>
#include <portolan/export.h>

PORTOLAN_BEGIN_DECLS

// A special port of a thread, THREAD_*_PORT (tasks 1.6). Produces one user reference of a send right. Does
// not block.
// Returns KERN_SUCCESS, KERN_INVALID_ARGUMENT, KERN_FAILURE if the thread is ending, or
// KERN_INVALID_CAPABILITY if the thread's port is of too weak a form.
PORTOLAN_EXPORT kern_return_t thread_get_special_port(thread_inspect_t thr_act, int which_port,
                                                      mach_port_t* special_port);

// As task_set_exception_ports, for one thread, whose actions come before its task's (tasks 4.2). They end
// with the thread.
PORTOLAN_EXPORT kern_return_t thread_set_exception_ports(thread_act_t thread, exception_mask_t exception_mask,
                                                         mach_port_t new_port, exception_behavior_t behavior,
                                                         thread_state_flavor_t new_flavor);

// As task_get_exception_ports; of a thread for which nothing was ever set there are no entries (tasks 4.3).
PORTOLAN_EXPORT kern_return_t thread_get_exception_ports(thread_act_t thread, exception_mask_t exception_mask,
                                                         exception_mask_array_t masks,
                                                         mach_msg_type_number_t* masksCnt,
                                                         exception_handler_array_t old_handlers,
                                                         exception_behavior_array_t old_behaviors,
                                                         exception_flavor_array_t old_flavors);

// As task_swap_exception_ports.
PORTOLAN_EXPORT kern_return_t thread_swap_exception_ports(
    thread_act_t thread, exception_mask_t exception_mask, mach_port_t new_port, exception_behavior_t behavior,
    thread_state_flavor_t new_flavor, exception_mask_array_t masks, mach_msg_type_number_t* masksCnt,
    exception_handler_array_t old_handlers, exception_behavior_array_t old_behaviors,
    exception_flavor_array_t old_flavors);

// As task_get_exception_ports_info.
PORTOLAN_EXPORT kern_return_t thread_get_exception_ports_info(
    mach_port_t port, exception_mask_t exception_mask, exception_mask_array_t masks,
    mach_msg_type_number_t* masksCnt, exception_handler_info_array_t old_handlers_info,
    exception_behavior_array_t old_behaviors, exception_flavor_array_t old_flavors);

PORTOLAN_END_DECLS

#endif  // PORTOLAN_MACH_THREAD_ACT_H_
