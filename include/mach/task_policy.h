// SPDX-License-Identifier: Apache-2.0
// Scheduling policies of tasks.
#ifndef PORTOLAN_MACH_TASK_POLICY_H_
#define PORTOLAN_MACH_TASK_POLICY_H_

#include <mach/machine/vm_types.h>
#include <mach/message.h>

typedef natural_t task_policy_flavor_t;
typedef integer_t* task_policy_t;

// Flavors.
#define TASK_CATEGORY_POLICY            1
#define TASK_SUPPRESSION_POLICY         3
#define TASK_BASE_QOS_POLICY            8
#define TASK_OVERRIDE_QOS_POLICY        9
#define TASK_BASE_LATENCY_QOS_POLICY    10
#define TASK_BASE_THROUGHPUT_QOS_POLICY 11
#define TASK_POLICY_STATE               4

#define TASK_CATEGORY_POLICY_COUNT ((mach_msg_type_number_t)1)
#define TASK_QOS_POLICY_COUNT      ((mach_msg_type_number_t)2)

// Roles.
#define TASK_RENICED                (-1)
#define TASK_UNSPECIFIED            0
#define TASK_FOREGROUND_APPLICATION 1
#define TASK_BACKGROUND_APPLICATION 2
#define TASK_CONTROL_APPLICATION    3
#define TASK_GRAPHICS_SERVER        4
#define TASK_THROTTLE_APPLICATION   5
#define TASK_NONUI_APPLICATION      6
#define TASK_DEFAULT_APPLICATION    7
#define TASK_DARWINBG_APPLICATION   8

// Tiers of latency and throughput.
#define LATENCY_QOS_TIER_UNSPECIFIED       0
#define LATENCY_QOS_TIER_0                 0xff0001
#define LATENCY_QOS_TIER_1                 0xff0002
#define LATENCY_QOS_TIER_2                 0xff0003
#define LATENCY_QOS_TIER_3                 0xff0004
#define LATENCY_QOS_TIER_4                 0xff0005
#define LATENCY_QOS_TIER_5                 0xff0006
#define THROUGHPUT_QOS_TIER_UNSPECIFIED    0
#define THROUGHPUT_QOS_TIER_0              0xfe0001
#define THROUGHPUT_QOS_TIER_1              0xfe0002
#define THROUGHPUT_QOS_TIER_2              0xfe0003
#define THROUGHPUT_QOS_TIER_3              0xfe0004
#define THROUGHPUT_QOS_TIER_4              0xfe0005
#define THROUGHPUT_QOS_TIER_5              0xfe0006
#define LATENCY_QOS_LAUNCH_DEFAULT_TIER    0xff0004
#define THROUGHPUT_QOS_LAUNCH_DEFAULT_TIER 0xfe0004

#define PROC_FLAG_DARWINBG           0x8000
#define PROC_FLAG_EXT_DARWINBG       0x10000
#define PROC_FLAG_IOS_APPLEDAEMON    0x20000
#define PROC_FLAG_IOS_IMPPROMOTION   0x80000
#define PROC_FLAG_ADAPTIVE           0x100000
#define PROC_FLAG_ADAPTIVE_IMPORTANT 0x200000
#define PROC_FLAG_IMPORTANCE_DONOR   0x400000
#define PROC_FLAG_SUPPRESSED         0x800000
#define PROC_FLAG_APPLICATION        0x1000000
#define PROC_FLAG_IOS_APPLICATION    0x1000000

#endif  // PORTOLAN_MACH_TASK_POLICY_H_
