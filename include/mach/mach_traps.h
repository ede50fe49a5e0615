// SPDX-License-Identifier: Apache-2.0
// The calls that enter the kernel directly.
#ifndef PORTOLAN_MACH_MACH_TRAPS_H_
#define PORTOLAN_MACH_MACH_TRAPS_H_

#include <mach/clock_types.h>
#include <mach/kern_return.h>
#include <mach/mach_types.h>
#include <mach/message.h>
#include <mach/port.h>
#include <portolan/export.h>

PORTOLAN_BEGIN_DECLS

// A new receive right, without a send right. Does not block. Returns MACH_PORT_NULL on failure (tasks 1.1).
PORTOLAN_EXPORT mach_port_name_t mach_reply_port(void);

// The calling thread's port. Produces one user reference of a send right, for the caller to release. Does
// not block. Returns MACH_PORT_NULL on failure (tasks 1.1).
PORTOLAN_EXPORT mach_port_name_t thread_self_trap(void);

// This task's port. Produces one user reference of a send right, for the caller to release. Does not block.
// Returns MACH_PORT_NULL on failure (tasks 1.1).
PORTOLAN_EXPORT mach_port_name_t task_self_trap(void);

// The host's port. Produces one user reference of a send right, for the caller to release. Does not block.
// Returns MACH_PORT_NULL on failure (tasks 1.1).
PORTOLAN_EXPORT mach_port_name_t host_self_trap(void);

// mach_msg without the restart after a signal: returns MACH_SEND_INTERRUPTED and MACH_RCV_INTERRUPTED.
// Rights, waits and codes are otherwise those of mach_msg (messages 2, 10.1).
PORTOLAN_EXPORT mach_msg_return_t mach_msg_trap(mach_msg_header_t* msg, mach_msg_option_t option,
                                                mach_msg_size_t send_size, mach_msg_size_t rcv_size,
                                                mach_port_name_t rcv_name, mach_msg_timeout_t timeout,
                                                mach_port_name_t notify);

// mach_msg_overwrite without the restart after a signal; rcv_limit is ignored (messages 2, 10.1).
PORTOLAN_EXPORT mach_msg_return_t
mach_msg_overwrite_trap(mach_msg_header_t* msg, mach_msg_option_t option, mach_msg_size_t send_size,
                        mach_msg_size_t rcv_size, mach_port_name_t rcv_name, mach_msg_timeout_t timeout,
                        mach_msg_priority_t priority, mach_msg_header_t* rcv_msg, mach_msg_size_t rcv_limit);

// The calls of mach/semaphore.h (tasks 6.1).
PORTOLAN_EXPORT kern_return_t semaphore_signal_trap(mach_port_name_t signal_name);
PORTOLAN_EXPORT kern_return_t semaphore_signal_all_trap(mach_port_name_t signal_name);
PORTOLAN_EXPORT kern_return_t semaphore_signal_thread_trap(mach_port_name_t signal_name,
                                                           mach_port_name_t thread_name);
PORTOLAN_EXPORT kern_return_t semaphore_wait_trap(mach_port_name_t wait_name);
PORTOLAN_EXPORT kern_return_t semaphore_wait_signal_trap(mach_port_name_t wait_name,
                                                         mach_port_name_t signal_name);
PORTOLAN_EXPORT kern_return_t semaphore_timedwait_trap(mach_port_name_t wait_name, unsigned int sec,
                                                       clock_res_t nsec);
PORTOLAN_EXPORT kern_return_t semaphore_timedwait_signal_trap(mach_port_name_t wait_name,
                                                              mach_port_name_t signal_name, unsigned int sec,
                                                              clock_res_t nsec);

// mach_msg2_internal without the restart after a signal (messages 2.1, 10.1).
PORTOLAN_EXPORT mach_msg_return_t mach_msg2_trap(void* data, mach_msg_option64_t options,
                                                 uint64_t msgh_bits_and_send_size, uint64_t msgh_remote_and_local_port,
                                                 uint64_t msgh_voucher_and_id, uint64_t desc_count_and_rcv_name,
                                                 uint64_t rcv_size_and_priority, uint64_t timeout);

// The process that a task's port, of any form, stands for; -1 in *x on failure. Touches no rights, does not
// block.
// Returns KERN_SUCCESS or KERN_FAILURE (tasks 1.5).
PORTOLAN_EXPORT kern_return_t pid_for_task(mach_port_name_t t, int* x);

// The control port of a process's task. target_tport is any task's control port; it is used, not consumed.
// Produces one user reference of a send right in *t, null on failure, and null with success if the process
// is ending. Does not block. Returns KERN_SUCCESS, KERN_FAILURE, KERN_PROTECTION_FAILURE or KERN_ABORTED
// (tasks 1.5).
PORTOLAN_EXPORT kern_return_t task_for_pid(mach_port_name_t target_tport, int pid, mach_port_name_t* t);

// The name port of a process's task, which can only be asked about. Rights as for task_for_pid. Does not
// block.
// Returns KERN_SUCCESS or KERN_FAILURE (tasks 1.5).
PORTOLAN_EXPORT kern_return_t task_name_for_pid(mach_port_name_t target_tport, int pid, mach_port_name_t* tn);

PORTOLAN_END_DECLS

#endif  // PORTOLAN_MACH_MACH_TRAPS_H_
