// SPDX-License-Identifier: Apache-2.0
// Open files as port rights (ports 12.1). A file port is a port of the kernel's that stands for an open file:
// whoever gets a send right to it in a message can turn it into a descriptor of the same open file, with the
// same offset and status flags, also when its maker has ended. It lives as long as a send right to it does
// and keeps the file open as long.
//
// The domain's launchd keeps the file. If launchd dies, its file ports become dead names.
#ifndef PORTOLAN_SYS_FILEPORT_H_
#define PORTOLAN_SYS_FILEPORT_H_

#include <mach/port.h>
#include <portolan/export.h>

typedef mach_port_t fileport_t;

#define FILEPORT_NULL ((fileport_t)0)

PORTOLAN_BEGIN_DECLS

// Makes a file port for an open descriptor, which stays as it is. Produces a send right. Waits for launchd,
// for five seconds at the most. Returns 0; or -1 with errno, and no right:
//   EBADF      `fd` is not open
//   EINVAL     Linux does not let it be passed on
//   EFAULT     `*port` cannot be written
//   EAGAIN     no port or no name could be made; this process is in no domain, or in one that was replaced;
//              or too many descriptors of this user's are on their way
//   ENFILE     launchd keeps as many files as its limit of descriptors lets it
//   EMFILE     this process has no number left for the way to launchd
//   EPERM      launchd is another user's
//   ETIMEDOUT  launchd does not answer, or cannot be started
PORTOLAN_EXPORT int fileport_makeport(int fd, fileport_t* port);

// A new descriptor of the file that a send right stands for, which is not consumed; it has FD_CLOEXEC. Waits
// for launchd, for five seconds at the most. Returns the descriptor; or -1 with errno:
//   EINVAL     `port` is null, dead or unknown, cannot send, or is no file port
//   EMFILE, ENFILE
//              there is no number left for the descriptor, or for the way to launchd
//   EAGAIN     the domain was replaced, or too many descriptors of this user's are on their way
//   EPERM, ETIMEDOUT
//              as above
PORTOLAN_EXPORT int fileport_makefd(fileport_t port);

PORTOLAN_END_DECLS

#endif  // PORTOLAN_SYS_FILEPORT_H_
