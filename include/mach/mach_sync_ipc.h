// SPDX-License-Identifier: Apache-2.0
// Special reply ports: which of the rights to give up.
#ifndef PORTOLAN_MACH_MACH_SYNC_IPC_H_
#define PORTOLAN_MACH_MACH_SYNC_IPC_H_

#define THREAD_SPECIAL_REPLY_PORT_ALL          0
#define THREAD_SPECIAL_REPLY_PORT_RECEIVE_ONLY 1
#define THREAD_SPECIAL_REPLY_PORT_SEND_ONLY    2

#endif  // PORTOLAN_MACH_MACH_SYNC_IPC_H_
