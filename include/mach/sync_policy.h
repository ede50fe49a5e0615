// SPDX-License-Identifier: Apache-2.0
// In which order waiters are woken.
#ifndef PORTOLAN_MACH_SYNC_POLICY_H_
#define PORTOLAN_MACH_SYNC_POLICY_H_

typedef int sync_policy_t;

#define SYNC_POLICY_FIFO           0x0
#define SYNC_POLICY_FIXED_PRIORITY 0x1
#define SYNC_POLICY_REVERSED       0x2
#define SYNC_POLICY_ORDER_MASK     0x3
#define SYNC_POLICY_LIFO           0x2

#endif  // PORTOLAN_MACH_SYNC_POLICY_H_
