// SPDX-License-Identifier: Apache-2.0
// Memory of a task. The task is named by its port, which is used, not consumed; one that is no live send
// right gives MACH_SEND_INVALID_DEST, one of something else, or of a dead task, KERN_INVALID_ARGUMENT. None
// of the calls touches other rights, none blocks. Ranges are widened to whole pages except where bytes are
// copied (tasks 5.1). More calls come later.
// Of another task's memory only bytes can be read, written, copied and described, and only where Linux lets this process
// trace that one; everything else is KERN_NOT_SUPPORTED.
#ifndef PORTOLAN_MACH_MACH_VM_H_
#define PORTOLAN_MACH_MACH_VM_H_

#include <mach/boolean.h>
#include <mach/kern_return.h>
#include <mach/mach_types.h>
#include <mach/message.h>
#include <mach/vm_region.h>
#include <mach/vm_types.h>
#include <portolan/export.h>

PORTOLAN_BEGIN_DECLS

// Allocates zeroed memory: at *address, or anywhere with VM_FLAGS_ANYWHERE; 0 bytes give address 0
// (tasks 5.2).
// Returns KERN_SUCCESS, KERN_INVALID_ARGUMENT, KERN_INVALID_ADDRESS or KERN_NO_SPACE.
PORTOLAN_EXPORT kern_return_t mach_vm_allocate(vm_map_t target, mach_vm_address_t* address,
                                               mach_vm_size_t size, int flags);

// Gives memory back; what is not there is no error (tasks 5.2).
// Returns KERN_SUCCESS or KERN_INVALID_ARGUMENT.
PORTOLAN_EXPORT kern_return_t mach_vm_deallocate(vm_map_t target, mach_vm_address_t address,
                                                 mach_vm_size_t size);

// Sets the access to memory, or with set_maximum the most that can be set; all or nothing (tasks 5.2).
// Returns KERN_SUCCESS, KERN_INVALID_ARGUMENT, KERN_INVALID_ADDRESS or KERN_PROTECTION_FAILURE.
PORTOLAN_EXPORT kern_return_t mach_vm_protect(vm_map_t target_task, mach_vm_address_t address,
                                              mach_vm_size_t size, boolean_t set_maximum,
                                              vm_prot_t new_protection);

// Copies memory out of line, for the caller to vm_deallocate (tasks 5.3).
// Returns KERN_SUCCESS, KERN_INVALID_ARGUMENT, KERN_INVALID_ADDRESS, KERN_PROTECTION_FAILURE or
// KERN_NO_SPACE.
PORTOLAN_EXPORT kern_return_t mach_vm_read(vm_map_read_t target_task, mach_vm_address_t address,
                                           mach_vm_size_t size, vm_offset_t* data,
                                           mach_msg_type_number_t* dataCnt);

// Copies data into memory (tasks 5.3).
// Returns KERN_SUCCESS, KERN_INVALID_ARGUMENT, KERN_INVALID_ADDRESS or KERN_PROTECTION_FAILURE.
PORTOLAN_EXPORT kern_return_t mach_vm_write(vm_map_t target_task, mach_vm_address_t address, vm_offset_t data,
                                            mach_msg_type_number_t dataCnt);

// Copies within one task (tasks 5.3).
// Returns KERN_SUCCESS, KERN_INVALID_ARGUMENT, KERN_INVALID_ADDRESS or KERN_PROTECTION_FAILURE.
PORTOLAN_EXPORT kern_return_t mach_vm_copy(vm_map_t target_task, mach_vm_address_t source_address,
                                           mach_vm_size_t size, mach_vm_address_t dest_address);

// Copies memory to where the caller has some: `data` is an address of his (tasks 5.3).
// Returns KERN_SUCCESS, KERN_INVALID_ARGUMENT, KERN_INVALID_ADDRESS or KERN_PROTECTION_FAILURE.
PORTOLAN_EXPORT kern_return_t mach_vm_read_overwrite(vm_map_read_t target_task, mach_vm_address_t address,
                                                     mach_vm_size_t size, mach_vm_address_t data,
                                                     mach_vm_size_t* outsize);

// The region of memory that contains *address, or the next one above it (tasks 5.5): *address and *size become its own.
// Flavors VM_REGION_BASIC_INFO_64 and VM_REGION_BASIC_INFO, both answered as the former; the object's name is always
// null. Produces no right.
// Returns KERN_SUCCESS, KERN_INVALID_ARGUMENT for another flavor or a count too small, or KERN_INVALID_ADDRESS if there
// is nothing above.
PORTOLAN_EXPORT kern_return_t mach_vm_region(vm_map_read_t target_task, mach_vm_address_t* address,
                                             mach_vm_size_t* size, vm_region_flavor_t flavor,
                                             vm_region_info_t info, mach_msg_type_number_t* infoCnt,
                                             mach_port_t* object_name);

PORTOLAN_END_DECLS

#endif  // PORTOLAN_MACH_MACH_VM_H_
