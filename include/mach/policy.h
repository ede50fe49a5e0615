// SPDX-License-Identifier: Apache-2.0
// Scheduling policies of old.
#ifndef PORTOLAN_MACH_POLICY_H_
#define PORTOLAN_MACH_POLICY_H_

#include <mach/boolean.h>
#include <mach/machine/vm_types.h>
#include <mach/message.h>

typedef int policy_t;
typedef integer_t* policy_info_t;
typedef integer_t* policy_base_t;
typedef integer_t* policy_limit_t;

#define POLICY_NULL          0
#define POLICY_TIMESHARE     1
#define POLICY_RR            2
#define POLICY_FIFO          4
#define POLICYCLASS_FIXEDPRI 6

struct policy_timeshare_info {
  integer_t max_priority;
  integer_t base_priority;
  integer_t cur_priority;
  boolean_t depressed;
  integer_t depress_priority;
};
typedef struct policy_timeshare_info policy_timeshare_info_data_t;
typedef struct policy_timeshare_info* policy_timeshare_info_t;

struct policy_rr_info {
  integer_t max_priority;
  integer_t base_priority;
  integer_t quantum;
  boolean_t depressed;
  integer_t depress_priority;
};
typedef struct policy_rr_info policy_rr_info_data_t;
typedef struct policy_rr_info* policy_rr_info_t;

struct policy_fifo_info {
  integer_t max_priority;
  integer_t base_priority;
  boolean_t depressed;
  integer_t depress_priority;
};
typedef struct policy_fifo_info policy_fifo_info_data_t;
typedef struct policy_fifo_info* policy_fifo_info_t;

#define POLICY_TIMESHARE_BASE_COUNT  ((mach_msg_type_number_t)1)
#define POLICY_TIMESHARE_LIMIT_COUNT ((mach_msg_type_number_t)1)
#define POLICY_TIMESHARE_INFO_COUNT  ((mach_msg_type_number_t)5)
#define POLICY_RR_BASE_COUNT         ((mach_msg_type_number_t)2)
#define POLICY_RR_LIMIT_COUNT        ((mach_msg_type_number_t)1)
#define POLICY_RR_INFO_COUNT         ((mach_msg_type_number_t)5)
#define POLICY_FIFO_BASE_COUNT       ((mach_msg_type_number_t)1)
#define POLICY_FIFO_LIMIT_COUNT      ((mach_msg_type_number_t)1)
#define POLICY_FIFO_INFO_COUNT       ((mach_msg_type_number_t)4)

#endif  // PORTOLAN_MACH_POLICY_H_
