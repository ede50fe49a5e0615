// SPDX-License-Identifier: Apache-2.0
// Ports, and requests that wait for their replies.
#ifndef BROWSER_IPC_PORT_H_
#define BROWSER_IPC_PORT_H_

#include <mach/mach.h>

#include "ipc/messages.h"

namespace ipc {

// A new receive right without send rights, and room for this many messages.
mach_port_t NewPort(mach_port_msgcount_t queue_limit = MACH_PORT_QLIMIT_DEFAULT);

// Gives up a receive right: the port dies.
void DropReceive(mach_port_t port);

// Gives up one user reference of a send right, a send-once right or a dead name.
void DropSend(mach_port_t port);

// Sends, and waits at most `timeout` milliseconds for room in the queue. When that fails, everything that the
// message was to give away is released.
kern_return_t Send(mach_msg_header_t* message, mach_msg_size_t size, mach_msg_timeout_t timeout);

// Sends a request and receives the reply to it into the same buffer, from `reply_port`, which the caller has
// the receive right of. Either half waits at most `timeout` milliseconds. On success the caller owns what the
// reply has; a failed send releases as Send() does; after a failed receive the reply may still come.
kern_return_t Call(Buffer* buffer, mach_msg_size_t size, mach_port_t reply_port, mach_msg_timeout_t timeout);

// One out-of-line region, sent as a copy or moved away from the sender.
mach_msg_ool_descriptor_t Region(void* address, mach_msg_size_t bytes, bool move);

// One right.
mach_msg_port_descriptor_t Right(mach_port_t name, mach_msg_type_name_t disposition);

}  // namespace ipc

#endif  // BROWSER_IPC_PORT_H_
