// SPDX-License-Identifier: Apache-2.0
// What is known about a host.
#ifndef PORTOLAN_MACH_HOST_INFO_H_
#define PORTOLAN_MACH_HOST_INFO_H_

#include <mach/machine.h>
#include <mach/machine/vm_types.h>
#include <mach/message.h>
#include <mach/time_value.h>
#include <mach/vm_statistics.h>
#include <stdint.h>

typedef integer_t* host_info_t;
typedef integer_t* host_info64_t;
typedef integer_t host_flavor_t;

#define HOST_INFO_MAX 1024

#define KERNEL_VERSION_MAX   512
#define KERNEL_BOOT_INFO_MAX 4096
typedef char kernel_version_t[KERNEL_VERSION_MAX];
typedef char kernel_boot_info_t[KERNEL_BOOT_INFO_MAX];

// Flavors of host_info.
#define HOST_BASIC_INFO          1
#define HOST_SCHED_INFO          3
#define HOST_RESOURCE_SIZES      4
#define HOST_PRIORITY_INFO       5
#define HOST_SEMAPHORE_TRAPS     7
#define HOST_MACH_MSG_TRAP       8
#define HOST_VM_PURGABLE         9
#define HOST_DEBUG_INFO_INTERNAL 10
#define HOST_CAN_HAS_DEBUGGER    11
#define HOST_PREFERRED_USER_ARCH 12

// Flavors of host_statistics.
#define HOST_LOAD_INFO            1
#define HOST_VM_INFO              2
#define HOST_CPU_LOAD_INFO        3
#define HOST_VM_INFO64            4
#define HOST_EXTMOD_INFO64        5
#define HOST_EXPIRED_TASK_INFO    6
#define HOST_VM_COMPRESSOR_Q_LENS 7

#pragma pack(push, 4)

struct host_basic_info {
  integer_t max_cpus;
  integer_t avail_cpus;
  natural_t memory_size;
  cpu_type_t cpu_type;
  cpu_subtype_t cpu_subtype;
  cpu_threadtype_t cpu_threadtype;
  integer_t physical_cpu;
  integer_t physical_cpu_max;
  integer_t logical_cpu;
  integer_t logical_cpu_max;
  uint64_t max_mem;
};
typedef struct host_basic_info host_basic_info_data_t;
typedef struct host_basic_info* host_basic_info_t;

struct host_sched_info {
  integer_t min_timeout;
  integer_t min_quantum;
};
typedef struct host_sched_info host_sched_info_data_t;
typedef struct host_sched_info* host_sched_info_t;

struct kernel_resource_sizes {
  natural_t task;
  natural_t thread;
  natural_t port;
  natural_t memory_region;
  natural_t memory_object;
};
typedef struct kernel_resource_sizes kernel_resource_sizes_data_t;
typedef struct kernel_resource_sizes* kernel_resource_sizes_t;

struct host_priority_info {
  integer_t kernel_priority;
  integer_t system_priority;
  integer_t server_priority;
  integer_t user_priority;
  integer_t depress_priority;
  integer_t idle_priority;
  integer_t minimum_priority;
  integer_t maximum_priority;
};
typedef struct host_priority_info host_priority_info_data_t;
typedef struct host_priority_info* host_priority_info_t;

#pragma pack(pop)

struct host_load_info {
  integer_t avenrun[3];
  integer_t mach_factor[3];
};
typedef struct host_load_info host_load_info_data_t;
typedef struct host_load_info* host_load_info_t;

struct host_cpu_load_info {
  natural_t cpu_ticks[CPU_STATE_MAX];
};
typedef struct host_cpu_load_info host_cpu_load_info_data_t;
typedef struct host_cpu_load_info* host_cpu_load_info_t;

// Lengths in words.
#define HOST_CAN_HAS_DEBUGGER_COUNT     ((mach_msg_type_number_t)1)
#define HOST_BASIC_INFO_COUNT           ((mach_msg_type_number_t)12)
#define HOST_SCHED_INFO_COUNT           ((mach_msg_type_number_t)2)
#define HOST_RESOURCE_SIZES_COUNT       ((mach_msg_type_number_t)5)
#define HOST_PRIORITY_INFO_COUNT        ((mach_msg_type_number_t)8)
#define HOST_LOAD_INFO_COUNT            ((mach_msg_type_number_t)6)
#define HOST_VM_PURGABLE_COUNT          ((mach_msg_type_number_t)68)
#define HOST_VM_INFO64_COUNT            ((mach_msg_type_number_t)38)
#define HOST_VM_INFO64_LATEST_COUNT     ((mach_msg_type_number_t)38)
#define HOST_VM_INFO64_REV1_COUNT       ((mach_msg_type_number_t)38)
#define HOST_VM_INFO64_REV0_COUNT       ((mach_msg_type_number_t)24)
#define HOST_EXTMOD_INFO64_COUNT        ((mach_msg_type_number_t)12)
#define HOST_EXTMOD_INFO64_LATEST_COUNT ((mach_msg_type_number_t)12)
#define HOST_VM_INFO_COUNT              ((mach_msg_type_number_t)15)
#define HOST_VM_INFO_LATEST_COUNT       ((mach_msg_type_number_t)15)
#define HOST_VM_INFO_REV2_COUNT         ((mach_msg_type_number_t)15)
#define HOST_VM_INFO_REV1_COUNT         ((mach_msg_type_number_t)14)
#define HOST_VM_INFO_REV0_COUNT         ((mach_msg_type_number_t)12)
#define HOST_CPU_LOAD_INFO_COUNT        ((mach_msg_type_number_t)4)
#define HOST_PREFERRED_USER_ARCH_COUNT  ((mach_msg_type_number_t)2)
#define VM_COMPRESSOR_Q_LENS_COUNT      ((mach_msg_type_number_t)17)
#define HOST_DEBUG_INFO_INTERNAL_COUNT  ((mach_msg_type_number_t)2)

#endif  // PORTOLAN_MACH_HOST_INFO_H_
