// SPDX-License-Identifier: Apache-2.0
// The bootstrap namespace: how the server of a service and its clients find each other.
//
// bp is a send right to a namespace, usually the variable bootstrap_port. It is used, not consumed, by
// every call. Names are cut at 127 bytes (bootstrap 3.1). A bp that is no live send right gives
// MACH_SEND_INVALID_DEST; one that leads to no namespace gives what its receiver answers, or
// MIG_SERVER_DIED. When bp is a port of another program rather than the kernel's namespace, the calls are
// messages (<servers/bootstrap_wire.h>) and block until the answer comes.
//
// service_name is a name_t; it is declared as the pointer that an array argument is, because compilers that
// see the array warn of every string that is shorter.
#ifndef PORTOLAN_SERVERS_BOOTSTRAP_H_
#define PORTOLAN_SERVERS_BOOTSTRAP_H_

#include <mach/mach.h>
#include <portolan/export.h>
#include <servers/bootstrap_defs.h>
#include <sys/types.h>

PORTOLAN_BEGIN_DECLS

// Takes the receive right of a service: one that was declared for this task, or a new one, which then is
// this task's (bootstrap 5.1).
// Consumes nothing; produces a receive right, without a send right, in *sp. Does not block.
// Returns BOOTSTRAP_SUCCESS; BOOTSTRAP_NOT_PRIVILEGED if the name is another task's;
// BOOTSTRAP_SERVICE_ACTIVE if this task holds its right already; BOOTSTRAP_NO_MEMORY.
PORTOLAN_EXPORT kern_return_t bootstrap_check_in(mach_port_t bp, const char* service_name, mach_port_t* sp);

// Enters a port under a name (bootstrap 5.4).
// Consumes nothing: sp is copied as a send right. The name goes when the port dies. sp MACH_PORT_NULL takes
// back a name that is declared for this task and not in use. Does not block.
// Returns BOOTSTRAP_SUCCESS; BOOTSTRAP_NOT_PRIVILEGED if the name is another task's;
// BOOTSTRAP_SERVICE_ACTIVE if it is this task's and in use; BOOTSTRAP_NO_MEMORY, also for MACH_PORT_DEAD;
// MACH_SEND_INVALID_RIGHT if sp is no send right.
PORTOLAN_EXPORT kern_return_t bootstrap_register(mach_port_t bp, char* service_name, mach_port_t sp);

// Finds a service in this namespace or one it lies in (bootstrap 5.5).
// Produces one user reference of a send right in *sp, on success only. The port may be one whose server has
// not started, and may die at any time: *sp may be MACH_PORT_DEAD. Does not block.
// Returns BOOTSTRAP_SUCCESS, BOOTSTRAP_UNKNOWN_SERVICE or BOOTSTRAP_NO_MEMORY.
PORTOLAN_EXPORT kern_return_t bootstrap_look_up(mach_port_t bp, const char* service_name, mach_port_t* sp);

// Declares a name for the caller's job (bootstrap 5.3): checks in, drops the receive right, looks up. Of use
// through a server port of bootstrap_create_server; anybody else's port dies of it.
// Produces one user reference of a send right in *sp, which may be MACH_PORT_DEAD. Does not block.
// Returns what bootstrap_check_in or bootstrap_look_up returns.
PORTOLAN_EXPORT kern_return_t bootstrap_create_service(mach_port_t bp, char* service_name, mach_port_t* sp);

// Makes a job of a command, which launchd starts once nobody has a right to *server_port any more (bootstrap
// 5.2): for a message to one of its services, or at once and again if on_demand is false. Calls through
// *server_port are the job's. server_uid counts only where launchd runs as root.
// Consumes nothing; produces one user reference of a send right in *server_port. Does not block.
// Returns BOOTSTRAP_SUCCESS or BOOTSTRAP_NO_MEMORY, also for a command of nothing but blanks.
PORTOLAN_EXPORT kern_return_t bootstrap_create_server(mach_port_t bp, char* server_cmd, uid_t server_uid,
                                                      boolean_t on_demand, mach_port_t* server_port);

// Makes a namespace inside this one; it lives as long as requestor_port does (bootstrap 5.7, 7).
// Consumes nothing; produces one user reference of a send right in *subset_port. Does not block.
// Returns BOOTSTRAP_SUCCESS; BOOTSTRAP_NOT_PRIVILEGED if requestor_port is null; BOOTSTRAP_NO_MEMORY if it
// is dead or there are too many levels; BOOTSTRAP_UNKNOWN_SERVICE if the namespace is closing down.
PORTOLAN_EXPORT kern_return_t bootstrap_subset(mach_port_t bp, mach_port_t requestor_port,
                                               mach_port_t* subset_port);

// The namespace that this one lies in; the outermost lies in itself (bootstrap 5.8).
// Produces one user reference of a send right in *parent_port. Does not block.
// Returns BOOTSTRAP_SUCCESS, BOOTSTRAP_NOT_PRIVILEGED for callers that may not know, or
// BOOTSTRAP_NO_MEMORY.
PORTOLAN_EXPORT kern_return_t bootstrap_parent(mach_port_t bp, mach_port_t* parent_port);

// bp itself, with one more user reference (bootstrap 5.9). Does not block.
// Returns KERN_SUCCESS, KERN_INVALID_NAME or KERN_INVALID_RIGHT.
PORTOLAN_EXPORT kern_return_t bootstrap_unprivileged(mach_port_t bp, mach_port_t* unpriv_port);

// Says whether a service is served, or would be on demand (bootstrap 5.10). Touches no rights, does not
// block.
// Returns BOOTSTRAP_SUCCESS, BOOTSTRAP_UNKNOWN_SERVICE or BOOTSTRAP_NO_MEMORY.
PORTOLAN_EXPORT kern_return_t bootstrap_status(mach_port_t bp, char* service_name,
                                               bootstrap_status_t* service_active);

// The text for a code of these calls; codes that are not theirs get mach_error_string's (bootstrap 5.11).
// Never null, not to be freed. Touches no rights, does not block.
PORTOLAN_EXPORT const char* bootstrap_strerror(kern_return_t r);

PORTOLAN_END_DECLS

#endif  // PORTOLAN_SERVERS_BOOTSTRAP_H_
