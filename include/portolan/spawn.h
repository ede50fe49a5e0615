// SPDX-License-Identifier: Apache-2.0
// What a child's task gets instead of its parent's ports (bootstrap 12.4). Darwin has it in <spawn.h>, which here is
// the system's.
#ifndef PORTOLAN_PORTOLAN_SPAWN_H_
#define PORTOLAN_PORTOLAN_SPAWN_H_

#include <mach/exception_types.h>
#include <mach/port.h>
#include <portolan/export.h>
#include <spawn.h>

PORTOLAN_BEGIN_DECLS

// The child has new_port as special port `which` (TASK_BOOTSTRAP_PORT and others), whatever its parent has.
// MACH_PORT_NULL and MACH_PORT_DEAD are stored as such. The name is looked up, and the right copied, when the
// child is made: posix_spawn answers EINVAL if it names no send right, or the port cannot be set.
// Several for one port: the last counts. Returns 0, or EINVAL if there is no room for another port.
PORTOLAN_EXPORT int posix_spawnattr_setspecialport_np(posix_spawnattr_t* attr, mach_port_t new_port,
                                                      int which);

// The child has these actions for the types of exception in mask, whatever its parent has (tasks 4.2). As for
// special ports, the right is copied when the child is made: posix_spawn answers EINVAL if the name is no
// send right, if the action cannot be set, or for more than 14 calls on the same attributes. They are freed
// by posix_spawnattr_destroy. Returns 0 or ENOMEM.
PORTOLAN_EXPORT int posix_spawnattr_setexceptionports_np(posix_spawnattr_t* attr, exception_mask_t mask,
                                                         mach_port_t new_port, exception_behavior_t behavior,
                                                         thread_state_flavor_t flavor);

PORTOLAN_END_DECLS

#endif  // PORTOLAN_PORTOLAN_SPAWN_H_
