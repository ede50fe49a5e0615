// SPDX-License-Identifier: Apache-2.0
// The calls of mach/mach_vm.h with addresses of one word. Rights, waits and codes are theirs.
#ifndef PORTOLAN_MACH_VM_MAP_H_
#define PORTOLAN_MACH_VM_MAP_H_

#include <mach/boolean.h>
#include <mach/kern_return.h>
#include <mach/mach_types.h>
#include <mach/message.h>
#include <mach/vm_region.h>
#include <mach/vm_types.h>
#include <portolan/export.h>

PORTOLAN_BEGIN_DECLS

// See mach_vm_allocate (tasks 5.2).
PORTOLAN_EXPORT kern_return_t vm_allocate(vm_map_t target_task, vm_address_t* address, vm_size_t size,
                                          int flags);

// See mach_vm_deallocate (tasks 5.2).
PORTOLAN_EXPORT kern_return_t vm_deallocate(vm_map_t target_task, vm_address_t address, vm_size_t size);

// See mach_vm_protect (tasks 5.2).
PORTOLAN_EXPORT kern_return_t vm_protect(vm_map_t target_task, vm_address_t address, vm_size_t size,
                                         boolean_t set_maximum, vm_prot_t new_protection);

// See mach_vm_read (tasks 5.3).
PORTOLAN_EXPORT kern_return_t vm_read(vm_map_read_t target_task, vm_address_t address, vm_size_t size,
                                      vm_offset_t* data, mach_msg_type_number_t* dataCnt);

// See mach_vm_write (tasks 5.3).
PORTOLAN_EXPORT kern_return_t vm_write(vm_map_t target_task, vm_address_t address, vm_offset_t data,
                                       mach_msg_type_number_t dataCnt);

// See mach_vm_copy (tasks 5.3).
PORTOLAN_EXPORT kern_return_t vm_copy(vm_map_t target_task, vm_address_t source_address, vm_size_t size,
                                      vm_address_t dest_address);

// See mach_vm_read_overwrite (tasks 5.3).
PORTOLAN_EXPORT kern_return_t vm_read_overwrite(vm_map_read_t target_task, vm_address_t address,
                                                vm_size_t size, vm_address_t data, vm_size_t* outsize);

// See mach_vm_region (tasks 5.5).
PORTOLAN_EXPORT kern_return_t vm_region_64(vm_map_read_t target_task, vm_address_t* address, vm_size_t* size,
                                           vm_region_flavor_t flavor, vm_region_info_t info,
                                           mach_msg_type_number_t* infoCnt, mach_port_t* object_name);

PORTOLAN_END_DECLS

#endif  // PORTOLAN_MACH_VM_MAP_H_
