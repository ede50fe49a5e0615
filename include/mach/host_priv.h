// SPDX-License-Identifier: Apache-2.0
// The calls on the privileged host port, which mach_host_self() is for root. More come later. Any other port
// gives KERN_INVALID_ARGUMENT, a name that is no live send right MACH_SEND_INVALID_DEST.
#ifndef PORTOLAN_MACH_HOST_PRIV_H_
#define PORTOLAN_MACH_HOST_PRIV_H_

#include <mach/exception_types.h>
#include <mach/kern_return.h>
#include <mach/mach_types.h>
#include <mach/message.h>
#include <portolan/export.h>

PORTOLAN_BEGIN_DECLS

// As task_set_exception_ports, for every task of the domain, after the task's own (tasks 4.2).
PORTOLAN_EXPORT kern_return_t host_set_exception_ports(host_priv_t host_priv, exception_mask_t exception_mask,
                                                       mach_port_t new_port, exception_behavior_t behavior,
                                                       thread_state_flavor_t new_flavor);

// As task_get_exception_ports.
PORTOLAN_EXPORT kern_return_t host_get_exception_ports(host_priv_t host_priv, exception_mask_t exception_mask,
                                                       exception_mask_array_t masks,
                                                       mach_msg_type_number_t* masksCnt,
                                                       exception_handler_array_t old_handlers,
                                                       exception_behavior_array_t old_behaviors,
                                                       exception_flavor_array_t old_flavors);

// As task_swap_exception_ports.
PORTOLAN_EXPORT kern_return_t host_swap_exception_ports(
    host_priv_t host_priv, exception_mask_t exception_mask, mach_port_t new_port,
    exception_behavior_t behavior, thread_state_flavor_t new_flavor, exception_mask_array_t masks,
    mach_msg_type_number_t* masksCnt, exception_handler_array_t old_handlerss,
    exception_behavior_array_t old_behaviors, exception_flavor_array_t old_flavors);

PORTOLAN_END_DECLS

#endif  // PORTOLAN_MACH_HOST_PRIV_H_
