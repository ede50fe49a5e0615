// SPDX-License-Identifier: Apache-2.0
// Memory objects and memory entries.
#ifndef PORTOLAN_MACH_MEMORY_OBJECT_TYPES_H_
#define PORTOLAN_MACH_MEMORY_OBJECT_TYPES_H_

#include <mach/boolean.h>
#include <mach/machine/vm_types.h>
#include <mach/message.h>
#include <mach/port.h>
#include <mach/vm_prot.h>
#include <stdint.h>

typedef unsigned long long memory_object_offset_t;
typedef unsigned long long memory_object_size_t;
typedef natural_t memory_object_cluster_size_t;
typedef natural_t* memory_object_fault_info_t;

typedef mach_port_t memory_object_t;
typedef mach_port_t memory_object_control_t;
typedef mach_port_t memory_object_name_t;
typedef mach_port_t memory_object_default_t;
typedef memory_object_t* memory_object_array_t;

#define MEMORY_OBJECT_NULL         ((memory_object_t)0)
#define MEMORY_OBJECT_CONTROL_NULL ((memory_object_control_t)0)
#define MEMORY_OBJECT_NAME_NULL    ((memory_object_name_t)0)
#define MEMORY_OBJECT_DEFAULT_NULL ((memory_object_default_t)0)

typedef int memory_object_copy_strategy_t;
typedef int memory_object_return_t;
typedef int memory_object_flavor_t;
typedef int* memory_object_info_t;

#define MEMORY_OBJECT_COPY_NONE       0
#define MEMORY_OBJECT_COPY_CALL       1
#define MEMORY_OBJECT_COPY_DELAY      2
#define MEMORY_OBJECT_COPY_TEMPORARY  3
#define MEMORY_OBJECT_COPY_SYMMETRIC  4
#define MEMORY_OBJECT_COPY_INVALID    5
#define MEMORY_OBJECT_COPY_DELAY_FORK 6

#define MEMORY_OBJECT_RETURN_NONE     0
#define MEMORY_OBJECT_RETURN_DIRTY    1
#define MEMORY_OBJECT_RETURN_ALL      2
#define MEMORY_OBJECT_RETURN_ANYTHING 3

#define MEMORY_OBJECT_DATA_FLUSH     0x1
#define MEMORY_OBJECT_DATA_NO_CHANGE 0x2
#define MEMORY_OBJECT_DATA_PURGE     0x4
#define MEMORY_OBJECT_COPY_SYNC      0x8
#define MEMORY_OBJECT_DATA_SYNC      0x10
#define MEMORY_OBJECT_IO_SYNC        0x20
#define MEMORY_OBJECT_DATA_FLUSH_ALL 0x40

#define MEMORY_OBJECT_INFO_MAX              1024
#define MEMORY_OBJECT_PERFORMANCE_INFO      11
#define MEMORY_OBJECT_ATTRIBUTE_INFO        14
#define MEMORY_OBJECT_BEHAVIOR_INFO         15
#define OLD_MEMORY_OBJECT_BEHAVIOR_INFO     10
#define OLD_MEMORY_OBJECT_ATTRIBUTE_INFO    12
#define MEMORY_OBJECT_BEHAVE_INFO_COUNT     ((mach_msg_type_number_t)5)
#define MEMORY_OBJECT_PERF_INFO_COUNT       ((mach_msg_type_number_t)2)
#define MEMORY_OBJECT_ATTR_INFO_COUNT       ((mach_msg_type_number_t)4)
#define OLD_MEMORY_OBJECT_BEHAVE_INFO_COUNT ((mach_msg_type_number_t)3)
#define OLD_MEMORY_OBJECT_ATTR_INFO_COUNT   ((mach_msg_type_number_t)3)

#define MEMORY_OBJECT_TERMINATE_IDLE 0x1
#define MEMORY_OBJECT_RESPECT_CACHE  0x2
#define MEMORY_OBJECT_RELEASE_NO_OP  0x4

// Memory entries: access in the low byte, flags, cache mode in bits 24 to 31.
#define MAP_MEM_NOOP                      0
#define MAP_MEM_COPYBACK                  1
#define MAP_MEM_IO                        2
#define MAP_MEM_WTHRU                     3
#define MAP_MEM_WCOMB                     4
#define MAP_MEM_INNERWBACK                5
#define MAP_MEM_POSTED                    6
#define MAP_MEM_RT                        7
#define MAP_MEM_POSTED_REORDERED          8
#define MAP_MEM_POSTED_COMBINED_REORDERED 9

#define MAP_MEM_PROT_MASK            0xff
#define MAP_MEM_LEDGER_TAGGED        0x2000
#define MAP_MEM_PURGABLE_KERNEL_ONLY 0x4000
#define MAP_MEM_GRAB_SECLUDED        0x8000
#define MAP_MEM_ONLY                 0x10000
#define MAP_MEM_NAMED_CREATE         0x20000
#define MAP_MEM_PURGABLE             0x40000
#define MAP_MEM_NAMED_REUSE          0x80000
#define MAP_MEM_USE_DATA_ADDR        0x100000
#define MAP_MEM_VM_COPY              0x200000
#define MAP_MEM_VM_SHARE             0x400000
#define MAP_MEM_4K_DATA_ADDR         0x800000
#define MAP_MEM_FLAGS_MASK           0xffff00
#define MAP_MEM_FLAGS_USER           0xffe000
#define MAP_MEM_FLAGS_ALL            0xffe000

#define GET_MAP_MEM(flags) (((unsigned int)(flags) >> 24) & 0xffu)
#define SET_MAP_MEM(caching, flags)                                                \
  ((flags) = (__typeof__(flags))((((unsigned int)(caching) << 24) & 0xff000000u) | \
                                 ((unsigned int)(flags)&0x00ffffffu)))

#endif  // PORTOLAN_MACH_MEMORY_OBJECT_TYPES_H_
