// SPDX-License-Identifier: Apache-2.0
// Scheduling policies of threads.
#ifndef PORTOLAN_MACH_THREAD_POLICY_H_
#define PORTOLAN_MACH_THREAD_POLICY_H_

#include <mach/machine/vm_types.h>
#include <mach/message.h>

typedef natural_t thread_policy_flavor_t;
typedef integer_t* thread_policy_t;

#define THREAD_STANDARD_POLICY_COUNT        ((mach_msg_type_number_t)0)
#define THREAD_EXTENDED_POLICY_COUNT        ((mach_msg_type_number_t)1)
#define THREAD_TIME_CONSTRAINT_POLICY_COUNT ((mach_msg_type_number_t)4)
#define THREAD_PRECEDENCE_POLICY_COUNT      ((mach_msg_type_number_t)1)
#define THREAD_AFFINITY_POLICY_COUNT        ((mach_msg_type_number_t)1)
#define THREAD_BACKGROUND_POLICY_COUNT      ((mach_msg_type_number_t)1)
#define THREAD_LATENCY_QOS_POLICY_COUNT     ((mach_msg_type_number_t)1)
#define THREAD_THROUGHPUT_QOS_POLICY_COUNT  ((mach_msg_type_number_t)1)

#define THREAD_STANDARD_POLICY             1
#define THREAD_EXTENDED_POLICY             1
#define THREAD_TIME_CONSTRAINT_POLICY      2
#define THREAD_PRECEDENCE_POLICY           3
#define THREAD_AFFINITY_POLICY             4
#define THREAD_AFFINITY_TAG_NULL           0
#define THREAD_BACKGROUND_POLICY           5
#define THREAD_BACKGROUND_POLICY_DARWIN_BG 0x1000
#define THREAD_LATENCY_QOS_POLICY          7
#define THREAD_THROUGHPUT_QOS_POLICY       8

#endif  // PORTOLAN_MACH_THREAD_POLICY_H_
