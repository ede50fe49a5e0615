// SPDX-License-Identifier: Apache-2.0
// The extended bootstrap calls, their flags, and lists of namespaces. A private header in Darwin.
//
// bp, names and codes are as in <servers/bootstrap.h>; none of the calls blocks.
#ifndef PORTOLAN_SERVERS_BOOTSTRAP_PRIV_H_
#define PORTOLAN_SERVERS_BOOTSTRAP_PRIV_H_

#include <servers/bootstrap.h>
#include <stdint.h>

#ifndef _UUID_T
#define _UUID_T
typedef unsigned char uuid_t[16];
#endif

#define BOOTSTRAP_PER_PID_SERVICE   (1ull << 0)  // a name of the process itself
#define BOOTSTRAP_ALLOW_LOOKUP      (1ull << 1)
#define BOOTSTRAP_DENY_JOB_CREATION (1ull << 2)
#define BOOTSTRAP_PRIVILEGED_SERVER (1ull << 3)  // only if the server runs as root
#define BOOTSTRAP_FORCE_LOCAL       (1ull << 4)  // list this namespace only
#define BOOTSTRAP_SPECIFIC_INSTANCE (1ull << 5)
#define BOOTSTRAP_STRICT_CHECKIN    (1ull << 6)  // only names that are declared
#define BOOTSTRAP_STRICT_LOOKUP     (1ull << 7)  // do not ask further out

// Properties of a namespace, in a list of children.
#define BOOTSTRAP_PROPERTY_EXPLICITSUBSET (1u << 0)
#define BOOTSTRAP_PROPERTY_IMPLICITSUBSET (1u << 1)
#define BOOTSTRAP_PROPERTY_MOVEDSUBSET    (1u << 2)
#define BOOTSTRAP_PROPERTY_PERUSER        (1u << 3)
#define BOOTSTRAP_PROPERTY_XPC_DOMAIN     (1u << 4)
#define BOOTSTRAP_PROPERTY_XPC_SINGLETON  (1u << 5)

PORTOLAN_BEGIN_DECLS

// bootstrap_check_in with flags (bootstrap 5.1). BOOTSTRAP_STRICT_CHECKIN: a name that is not there is
// BOOTSTRAP_UNKNOWN_SERVICE, and nothing is made. BOOTSTRAP_PER_PID_SERVICE: the name is this process's own,
// and only bootstrap_look_up2 with that flag and its pid finds it.
PORTOLAN_EXPORT kern_return_t bootstrap_check_in2(mach_port_t bp, const char* service_name, mach_port_t* sp,
                                                  uint64_t flags);
// The same; *instance_id becomes zero, for no job has several instances.
PORTOLAN_EXPORT kern_return_t bootstrap_check_in3(mach_port_t bp, const char* service_name, mach_port_t* sp,
                                                  uuid_t instance_id, uint64_t flags);

// bootstrap_register with flags (bootstrap 5.4): BOOTSTRAP_PER_PID_SERVICE.
PORTOLAN_EXPORT kern_return_t bootstrap_register2(mach_port_t bp, char* service_name, mach_port_t sp,
                                                  uint64_t flags);

// bootstrap_look_up with flags (bootstrap 5.5). BOOTSTRAP_PER_PID_SERVICE: the private name of target_pid; with
// target_pid 0 an ordinary one, of this namespace only. The others change nothing in a domain, which has one
// user and one launchd.
PORTOLAN_EXPORT kern_return_t bootstrap_look_up2(mach_port_t bp, const char* service_name, mach_port_t* sp,
                                                 pid_t target_pid, uint64_t flags);
// The same; instance_id is not looked at.
PORTOLAN_EXPORT kern_return_t bootstrap_look_up3(mach_port_t bp, const char* service_name, mach_port_t* sp,
                                                 pid_t target_pid, const uuid_t instance_id, uint64_t flags);

// Looks up in the outermost namespace; service_name null: a send right to that (bootstrap 5.6).
// BOOTSTRAP_NOT_PRIVILEGED for any user but the caller's own.
PORTOLAN_EXPORT kern_return_t bootstrap_look_up_per_user(mach_port_t bp, const char* service_name,
                                                         uid_t target_user, mach_port_t* sp);

// One user reference of a send right to the outermost namespace (bootstrap 5.14).
PORTOLAN_EXPORT kern_return_t bootstrap_get_root(mach_port_t bp, mach_port_t* root);

// Three arrays of equal length: the services of this namespace alone, whose they are, and
// BOOTSTRAP_STATUS_* (bootstrap 5.12). The caller unmaps them with mach_vm_deallocate; an empty namespace
// answers null and 0. Not a picture of one instant.
// Returns BOOTSTRAP_SUCCESS or BOOTSTRAP_NO_MEMORY.
PORTOLAN_EXPORT kern_return_t bootstrap_info(mach_port_t bp, name_array_t* service_names,
                                             mach_msg_type_number_t* service_namesCnt,
                                             name_array_t* service_jobs,
                                             mach_msg_type_number_t* service_jobsCnt,
                                             bootstrap_status_array_t* service_active,
                                             mach_msg_type_number_t* service_activeCnt, uint64_t flags);

// The namespaces below this one, newest first: a send right to each, its name, BOOTSTRAP_PROPERTY_* bits
// (bootstrap 5.13). The caller unmaps the arrays and releases the rights.
// Returns BOOTSTRAP_SUCCESS, BOOTSTRAP_NO_CHILDREN or BOOTSTRAP_NO_MEMORY.
PORTOLAN_EXPORT kern_return_t bootstrap_lookup_children(mach_port_t bp, mach_port_array_t* children,
                                                        name_array_t* names,
                                                        bootstrap_property_array_t* properties,
                                                        mach_msg_type_number_t* n_children);

// Reads the task's bootstrap port into bootstrap_port, with a user reference; ends the process if the kernel
// cannot say (bootstrap 5.15).
PORTOLAN_EXPORT void bootstrap_init(void);

PORTOLAN_END_DECLS

#endif  // PORTOLAN_SERVERS_BOOTSTRAP_PRIV_H_
