// SPDX-License-Identifier: Apache-2.0
// The ports and sets that the process's kernel queues watch, by name, and the one thread that waits for all
// of them: it activates the knotes of what has fired (ipc/watch.hpp). There while anything is watched.
#pragma once

#include <mach/port.h>

#include "ipc/watch.hpp"

namespace portolan::kq {

class Kqueue;

// One more knote of the queue watches what the process holds under this name, or one fewer; with the queue's
// lock. 0; ENOENT: no such name; ENOTSUP: neither a receive right nor a set; ENOMEM.
int port_watch(Kqueue& kqueue, mach_port_name_t name);
void port_unwatch(Kqueue& kqueue, mach_port_name_t name);
// The queue's knotes of this name are to be activated by the next message.
ipc::Armed port_arm(const Kqueue& kqueue, mach_port_name_t name, ipc::Arm how);

// Around a fork (descriptors.cpp).
void port_watch_before_fork();
void port_watch_in_parent();
void port_watch_in_child();

}  // namespace portolan::kq
