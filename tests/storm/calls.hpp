// SPDX-License-Identifier: Apache-2.0
// Portolan's public calls, from the shared library, which a process loads when it is to become a task: so its
// master, and whoever is forked from that, is none before.
#pragma once

#include <mach/mach.h>
#include <mach/notify.h>
#include <mach/semaphore.h>
#include <servers/bootstrap.h>
#include <unistd.h>

namespace portolan::storm {

// clang-format off
#define PORTOLAN_STORM_CALLS(X)                                                                        \
  X(mach_msg) X(mach_msg_destroy)                                                                      \
  X(mach_port_allocate) X(mach_port_deallocate) X(mach_port_destroy) X(mach_port_insert_right)         \
  X(mach_port_insert_member) X(mach_port_mod_refs) X(mach_port_type) X(mach_port_request_notification) \
  X(mach_port_names) X(vm_deallocate)                                                                  \
  X(bootstrap_check_in) X(bootstrap_look_up) X(bootstrap_subset)                                       \
  X(semaphore_create) X(semaphore_destroy) X(semaphore_signal) X(semaphore_timedwait)                  \
  X(fork) X(execv)
// clang-format on

struct Calls {
#define X(name) decltype(&::name) name = nullptr;
  PORTOLAN_STORM_CALLS(X)
#undef X
  mach_port_t task = MACH_PORT_NULL, bootstrap = MACH_PORT_NULL;
};

// Loads the library: this process joins the domain of its environment. Null, or what went wrong.
const char* load(Calls& calls);

}  // namespace portolan::storm
