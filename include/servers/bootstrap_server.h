// SPDX-License-Identifier: Apache-2.0
// A namespace of one's own making: a program answers the bootstrap calls that are made on a port of its own, for
// example to let its children find some services and not others (bootstrap 5.21). Set the port as the children's
// bootstrap port (task_set_bootstrap_port, posix_spawnattr_setspecialport_np), and serve it.
#ifndef PORTOLAN_SERVERS_BOOTSTRAP_SERVER_H_
#define PORTOLAN_SERVERS_BOOTSTRAP_SERVER_H_

#include <mach/mach.h>
#include <portolan/export.h>
#include <servers/bootstrap_priv.h>

PORTOLAN_BEGIN_DECLS

// What the server does for each call; null: the call is answered MIG_BAD_ID. `caller` is who asks, as the kernel
// knows it; name ends with NUL. Each returns what the call returns. Rights that are put into *port are consumed on
// BOOTSTRAP_SUCCESS, and only then; MACH_PORT_NULL and MACH_PORT_DEAD are rights, too.
typedef struct {
  // Gives a receive right.
  kern_return_t (*check_in)(void* context, const audit_token_t* caller, const char* name, uint64_t flags,
                            mach_port_t* port);
  // Gives a send right.
  kern_return_t (*look_up)(void* context, const audit_token_t* caller, const char* name, pid_t target_pid,
                           uint64_t flags, mach_port_t* port);
  // `port` is a send right, and the routine's to keep on BOOTSTRAP_SUCCESS; else it is released.
  kern_return_t (*register_port)(void* context, const audit_token_t* caller, const char* name, uint64_t flags,
                                 mach_port_t port);
  // Gives a send right. `requestor` as `port` above.
  kern_return_t (*subset)(void* context, const audit_token_t* caller, mach_port_t requestor, mach_port_t* port);
  // Give send rights.
  kern_return_t (*parent)(void* context, const audit_token_t* caller, mach_port_t* port);
  kern_return_t (*root)(void* context, const audit_token_t* caller, mach_port_t* port);
} bootstrap_routines_t;

// Answers one call: receives from `port`, a receive right or a port set, waiting for `timeout` milliseconds at the
// most (MACH_MSG_TIMEOUT_NONE: for ever). What is no bootstrap call is answered MIG_BAD_ID, and destroyed.
// Returns MACH_MSG_SUCCESS, MACH_RCV_TIMED_OUT, MACH_RCV_INTERRUPTED, or what else the receive returned.
PORTOLAN_EXPORT mach_msg_return_t bootstrap_serve_one(mach_port_t port, const bootstrap_routines_t* routines,
                                                      void* context, mach_msg_timeout_t timeout);

// The same, again and again, until the receive fails for good, as it does when the port dies; returns that code.
PORTOLAN_EXPORT mach_msg_return_t bootstrap_serve(mach_port_t port, const bootstrap_routines_t* routines,
                                                  void* context);

PORTOLAN_END_DECLS

#endif  // PORTOLAN_SERVERS_BOOTSTRAP_SERVER_H_
