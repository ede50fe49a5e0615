// SPDX-License-Identifier: Apache-2.0
// More of what a child's task gets instead of its parent's ports. A private header in Darwin.
#ifndef PORTOLAN_SPAWN_PRIVATE_H_
#define PORTOLAN_SPAWN_PRIVATE_H_

#include <portolan/spawn.h>
#include <stdint.h>
#include <sys/spawn_internal.h>

PORTOLAN_BEGIN_DECLS

// The child's registered ports are these, the missing ones null (bootstrap 12.4). As for special ports, the
// rights are copied when the child is made. Returns 0, or EINVAL if count is more than 3.
PORTOLAN_EXPORT int posix_spawnattr_set_registered_ports_np(posix_spawnattr_t* attr, mach_port_t portarray[],
                                                            uint32_t count);

PORTOLAN_END_DECLS

#endif  // PORTOLAN_SPAWN_PRIVATE_H_
