// SPDX-License-Identifier: Apache-2.0
// Counters of a task.
#ifndef PORTOLAN_MACH_TASK_INSPECT_H_
#define PORTOLAN_MACH_TASK_INSPECT_H_

#include <mach/machine/vm_types.h>
#include <mach/message.h>
#include <stdint.h>

typedef unsigned int task_inspect_flavor_t;
typedef integer_t* task_inspect_info_t;

struct task_inspect_basic_counts {
  uint64_t instructions;
  uint64_t cycles;
};
typedef struct task_inspect_basic_counts task_inspect_basic_counts_data_t;
typedef struct task_inspect_basic_counts* task_inspect_basic_counts_t;

#define TASK_INSPECT_BASIC_COUNTS       1
#define TASK_INSPECT_BASIC_COUNTS_COUNT ((mach_msg_type_number_t)4)

#endif  // PORTOLAN_MACH_TASK_INSPECT_H_
