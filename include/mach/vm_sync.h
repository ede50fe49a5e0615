// SPDX-License-Identifier: Apache-2.0
// Flags of a write-back of memory to its object.
#ifndef PORTOLAN_MACH_VM_SYNC_H_
#define PORTOLAN_MACH_VM_SYNC_H_

typedef unsigned int vm_sync_t;

#define VM_SYNC_ASYNCHRONOUS  ((vm_sync_t)0x1)
#define VM_SYNC_SYNCHRONOUS   ((vm_sync_t)0x2)
#define VM_SYNC_INVALIDATE    ((vm_sync_t)0x4)
#define VM_SYNC_KILLPAGES     ((vm_sync_t)0x8)
#define VM_SYNC_DEACTIVATE    ((vm_sync_t)0x10)
#define VM_SYNC_CONTIGUOUS    ((vm_sync_t)0x20)
#define VM_SYNC_REUSABLEPAGES ((vm_sync_t)0x40)

#endif  // PORTOLAN_MACH_VM_SYNC_H_
