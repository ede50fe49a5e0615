// SPDX-License-Identifier: Apache-2.0
// Guards of file descriptors and files. The calls come later.
#ifndef PORTOLAN_SYS_GUARDED_H_
#define PORTOLAN_SYS_GUARDED_H_

#include <stdint.h>

typedef uint64_t guardid_t;

#ifndef GUARD_TYPE_FD
#define GUARD_TYPE_FD 0x2
#endif

// What a guarded descriptor does not allow.
#define GUARD_CLOSE      0x1
#define GUARD_DUP        0x2
#define GUARD_SOCKET_IPC 0x4
#define GUARD_FILEPORT   0x8
#define GUARD_WRITE      0x10

enum guard_fd_exception_codes {
  kGUARD_EXC_CLOSE = 1,
  kGUARD_EXC_DUP = 2,
  kGUARD_EXC_NOCLOEXEC = 4,
  kGUARD_EXC_SOCKET_IPC = 8,
  kGUARD_EXC_FILEPORT = 16,
  kGUARD_EXC_MISMATCH = 32,
  kGUARD_EXC_WRITE = 64
};

// What a guarded file does not allow.
#define VNG_RENAME_TO   0x1
#define VNG_RENAME_FROM 0x2
#define VNG_UNLINK      0x4
#define VNG_WRITE_OTHER 0x8
#define VNG_TRUNC_OTHER 0x10
#define VNG_LINK        0x20
#define VNG_EXCHDATA    0x40
#define VNG_PERMISSIONS 0x80
#define VNG_ALL         0xff

#define VNG_SYSC_PING      0
#define VNG_SYSC_SET_GUARD 1
#define VNG_SYSC_GET_ATTR  2

// What happens then.
#define kVNG_POLICY_LOGMSG     0x1
#define kVNG_POLICY_EPERM      0x2
#define kVNG_POLICY_EXC        0x4
#define kVNG_POLICY_EXC_CORPSE 0x8
#define kVNG_POLICY_SIGKILL    0x10
#define kVNG_POLICY_UPRINTMSG  0x20

enum guard_vn_exception_codes {
  kGUARD_EXC_RENAME_TO = 1,
  kGUARD_EXC_RENAME_FROM = 2,
  kGUARD_EXC_UNLINK = 4,
  kGUARD_EXC_WRITE_OTHER = 8,
  kGUARD_EXC_TRUNC_OTHER = 16,
  kGUARD_EXC_LINK = 32,
  kGUARD_EXC_EXCHDATA = 64
};

#endif  // PORTOLAN_SYS_GUARDED_H_
