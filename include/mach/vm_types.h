// SPDX-License-Identifier: Apache-2.0
// Types of the virtual memory calls.
#ifndef PORTOLAN_MACH_VM_TYPES_H_
#define PORTOLAN_MACH_VM_TYPES_H_

#include <mach/machine/vm_types.h>
#include <mach/port.h>
#include <stdint.h>

typedef vm_offset_t pointer_t;
typedef uint64_t addr64_t;
typedef uint32_t reg64_t;
typedef uint32_t ppnum_t;

// An address space is named by its task.
typedef mach_port_t vm_map_t;
typedef mach_port_t vm_map_read_t;
typedef mach_port_t vm_map_inspect_t;
typedef mach_port_t upl_t;
typedef mach_port_t vm_named_entry_t;

#define VM_MAP_NULL         ((vm_map_t)0)
#define VM_MAP_INSPECT_NULL ((vm_map_inspect_t)0)
#define VM_MAP_READ_NULL    ((vm_map_read_t)0)
#define VM_NAMED_ENTRY_NULL ((vm_named_entry_t)0)

typedef unsigned long long vm_object_offset_t;
typedef uintptr_t vm_map_serial_t;

// Ranges of a task's address space.
typedef enum { MACH_VM_RANGE_FLAVOR_INVALID = 0, MACH_VM_RANGE_FLAVOR_V1 = 1 } mach_vm_range_flavor_t;
#define MACH_VM_RANGE_FLAVOR_DEFAULT MACH_VM_RANGE_FLAVOR_V1

typedef enum {
  MACH_VM_RANGE_NONE = 0,
  MACH_VM_RANGE_DEFAULT = 0,
  MACH_VM_RANGE_DATA = 1,
  MACH_VM_RANGE_FIXED = 2
} mach_vm_range_tag_t;

#endif  // PORTOLAN_MACH_VM_TYPES_H_
