// SPDX-License-Identifier: Apache-2.0
// What a child's task gets instead of its parent's ports (bootstrap 12.4). Darwin has it in <spawn.h>, which here is
// the system's.
#ifndef PORTOLAN_PORTOLAN_SPAWN_H_
#define PORTOLAN_PORTOLAN_SPAWN_H_

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

PORTOLAN_END_DECLS

#endif  // PORTOLAN_PORTOLAN_SPAWN_H_
