// SPDX-License-Identifier: Apache-2.0
// Mach ports in a loop that knows descriptors only: poll, epoll, libuv, asio, GLib.
#ifndef PORTOLAN_PORTOLAN_PORT_FD_H_
#define PORTOLAN_PORTOLAN_PORT_FD_H_

#include <mach/port.h>
#include <portolan/export.h>

PORTOLAN_BEGIN_DECLS

// A descriptor that becomes readable when a message is queued on the receive right, or on a member of the port set,
// that the caller holds as `name`. Senders pay for it only here, and only while somebody waits. What a thread that
// waits in mach_msg receives is not told. Any number of descriptors for one port.
//
// The descriptor stays readable until portolan_port_fd_ready has found nothing. So the loop's handler is
//
//   while (portolan_port_fd_ready(fd, &port) > 0) receive from `port`, with MACH_RCV_TIMEOUT and 0;
//
// It is closed by close(2), on exec, and in the child of a fork. It is a kernel queue with one EVFILT_MACHPORT in it,
// and kevent works on it. Level-triggered and edge-triggered epoll both do.
//
// Does not block. Returns a descriptor; -1 with errno: ENOENT: no such name, or a dead one; ENOTSUP: neither a receive
// right nor a port set; EMFILE, ENFILE, ENOMEM. (kqueue 7.10)
PORTOLAN_EXPORT int portolan_port_fd(mach_port_name_t name);

// Is there a message? 1: yes, on *port, a receive right (one of the set's); `port` may be null. 0: no, and the
// descriptor is not readable until the next one comes. The message may be gone when it is received, if other threads
// receive too. Does not block. -1 with errno: EBADF: no such descriptor; EPIPE, once: the right has moved or the port
// died, and nothing will ever come: close it.
PORTOLAN_EXPORT int portolan_port_fd_ready(int fd, mach_port_name_t* port);

PORTOLAN_END_DECLS

#endif  // PORTOLAN_PORTOLAN_PORT_FD_H_
