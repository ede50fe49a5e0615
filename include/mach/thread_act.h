// SPDX-License-Identifier: Apache-2.0
// The calls on a thread. More come later. The thread is named by its port, which is used, not consumed; one
// that is no live send right gives MACH_SEND_INVALID_DEST.
#ifndef PORTOLAN_MACH_THREAD_ACT_H_
#define PORTOLAN_MACH_THREAD_ACT_H_

#include <mach/kern_return.h>
#include <mach/mach_types.h>
#include <mach/port.h>
#include <mach/thread_special_ports.h>
#include <portolan/export.h>

PORTOLAN_BEGIN_DECLS

// A special port of a thread, THREAD_*_PORT (tasks 1.6). Produces one user reference of a send right. Does
// not block.
// Returns KERN_SUCCESS, KERN_INVALID_ARGUMENT, KERN_FAILURE if the thread is ending, or
// KERN_INVALID_CAPABILITY if the thread's port is of too weak a form.
PORTOLAN_EXPORT kern_return_t thread_get_special_port(thread_inspect_t thr_act, int which_port,
                                                      mach_port_t* special_port);

PORTOLAN_END_DECLS

#endif  // PORTOLAN_MACH_THREAD_ACT_H_
