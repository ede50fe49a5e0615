// SPDX-License-Identifier: Apache-2.0
// What is known about processors and sets of them.
#ifndef PORTOLAN_MACH_PROCESSOR_INFO_H_
#define PORTOLAN_MACH_PROCESSOR_INFO_H_

#include <mach/machine.h>
#include <mach/machine/vm_types.h>
#include <mach/message.h>

typedef integer_t* processor_info_t;
typedef integer_t* processor_info_array_t;
typedef integer_t* processor_set_info_t;
typedef int processor_flavor_t;
typedef int processor_set_flavor_t;

#define PROCESSOR_BASIC_INFO_COUNT     ((mach_msg_type_number_t)5)
#define PROCESSOR_CPU_LOAD_INFO_COUNT  ((mach_msg_type_number_t)4)
#define PROCESSOR_SET_BASIC_INFO_COUNT ((mach_msg_type_number_t)2)
#define PROCESSOR_SET_LOAD_INFO_COUNT  ((mach_msg_type_number_t)4)

#define PROCESSOR_INFO_MAX              1024
#define PROCESSOR_SET_INFO_MAX          1024
#define PROCESSOR_BASIC_INFO            1
#define PROCESSOR_CPU_LOAD_INFO         2
#define PROCESSOR_PM_REGS_INFO          0x10000001
#define PROCESSOR_TEMPERATURE           0x10000002
#define LOAD_SCALE                      1000
#define PROCESSOR_SET_BASIC_INFO        5
#define PROCESSOR_SET_LOAD_INFO         4
#define PROCESSOR_SET_ENABLED_POLICIES  3
#define PROCESSOR_SET_TIMESHARE_DEFAULT 10
#define PROCESSOR_SET_TIMESHARE_LIMITS  11
#define PROCESSOR_SET_RR_DEFAULT        20
#define PROCESSOR_SET_RR_LIMITS         21
#define PROCESSOR_SET_FIFO_DEFAULT      30
#define PROCESSOR_SET_FIFO_LIMITS       31

#endif  // PORTOLAN_MACH_PROCESSOR_INFO_H_
