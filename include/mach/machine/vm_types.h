// SPDX-License-Identifier: Apache-2.0
// The word types that every Mach header builds on.
#ifndef PORTOLAN_MACH_MACHINE_VM_TYPES_H_
#define PORTOLAN_MACH_MACHINE_VM_TYPES_H_

#include <stdint.h>

typedef unsigned int natural_t;
typedef int integer_t;

// An address, an offset and a size within the caller's own address space: one machine word.
typedef unsigned long vm_offset_t;
typedef unsigned long vm_address_t;
typedef unsigned long vm_size_t;

// The same for any address space: 64 bits everywhere.
typedef unsigned long long mach_vm_address_t;
typedef unsigned long long mach_vm_offset_t;
typedef unsigned long long mach_vm_size_t;

typedef unsigned long long vm_map_offset_t;
typedef unsigned long long vm_map_address_t;
typedef unsigned long long vm_map_size_t;

typedef unsigned long long mach_port_context_t;

#endif  // PORTOLAN_MACH_MACHINE_VM_TYPES_H_
