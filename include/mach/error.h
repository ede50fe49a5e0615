// SPDX-License-Identifier: Apache-2.0
// How a 32-bit error code is divided: system in bits 26 to 31, subsystem in bits 14 to 25, code in bits 0
// to 13.
#ifndef PORTOLAN_MACH_ERROR_H_
#define PORTOLAN_MACH_ERROR_H_

#include <mach/kern_return.h>

typedef kern_return_t mach_error_t;
typedef mach_error_t (*mach_error_fn_t)(void);

#define err_system(x)       ((int)(((unsigned int)(x)&0x3fu) << 26))
#define err_sub(x)          (((x)&0xfff) << 14)
#define err_get_system(err) (((err) >> 26) & 0x3f)
#define err_get_sub(err)    (((err) >> 14) & 0xfff)
#define err_get_code(err)   ((err)&0x3fff)

#define err_none        ((mach_error_t)0)
#define ERR_SUCCESS     ((mach_error_t)0)
#define ERR_ROUTINE_NIL ((mach_error_fn_t)0)

#define system_emask (err_system(0x3f))
#define sub_emask    (err_sub(0xfff))
#define code_emask   (0x3fff)

#define err_kern       err_system(0x0)  // the kernel
#define err_us         err_system(0x1)  // libraries
#define err_server     err_system(0x2)  // servers
#define err_ipc        err_system(0x3)  // old IPC
#define err_mach_ipc   err_system(0x4)  // messages: 0 send, 1 receive, 2 MIG
#define err_dipc       err_system(0x7)  // distributed IPC
#define err_vm         err_system(0x8)
#define err_local      err_system(0x3e)  // anybody's own
#define err_ipc_compat err_system(0x3f)

#define err_max_system 0x3f

// A value of errno as a Mach error.
#define unix_err(errno) (err_kern | err_sub(3) | (errno))

#endif  // PORTOLAN_MACH_ERROR_H_
