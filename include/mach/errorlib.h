// SPDX-License-Identifier: Apache-2.0
// Bases of the error codes of messages and of some old servers.
#ifndef PORTOLAN_MACH_ERRORLIB_H_
#define PORTOLAN_MACH_ERRORLIB_H_

#include <mach/error.h>

#define MACH_IPC_SEND_MOD (err_mach_ipc | err_sub(0))
#define MACH_IPC_RCV_MOD  (err_mach_ipc | err_sub(1))
#define MACH_IPC_MIG_MOD  (err_mach_ipc | err_sub(2))

#define IPC_SEND_MOD (err_ipc | err_sub(0))
#define IPC_RCV_MOD  (err_ipc | err_sub(1))
#define IPC_MIG_MOD  (err_ipc | err_sub(2))

#define SERV_NETNAME_MOD (err_server | err_sub(0))
#define SERV_ENV_MOD     (err_server | err_sub(1))
#define SERV_EXECD_MOD   (err_server | err_sub(2))

#endif  // PORTOLAN_MACH_ERRORLIB_H_
