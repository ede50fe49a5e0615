// SPDX-License-Identifier: Apache-2.0
// Access to memory.
#ifndef PORTOLAN_MACH_VM_PROT_H_
#define PORTOLAN_MACH_VM_PROT_H_

typedef int vm_prot_t;

#define VM_PROT_NONE    ((vm_prot_t)0x00)
#define VM_PROT_READ    ((vm_prot_t)0x01)
#define VM_PROT_WRITE   ((vm_prot_t)0x02)
#define VM_PROT_EXECUTE ((vm_prot_t)0x04)
#define VM_PROT_DEFAULT (VM_PROT_READ | VM_PROT_WRITE)
#define VM_PROT_ALL     (VM_PROT_READ | VM_PROT_WRITE | VM_PROT_EXECUTE)

#define VM_PROT_RORW_TP                 ((vm_prot_t)0x4)
#define VM_PROT_NO_CHANGE_LEGACY        ((vm_prot_t)0x8)
#define VM_PROT_NO_CHANGE               ((vm_prot_t)0x1000000)  // leave it as it is
#define VM_PROT_COPY                    ((vm_prot_t)0x10)       // make a copy if writing needs one
#define VM_PROT_WANTS_COPY              ((vm_prot_t)0x10)
#define VM_PROT_TRUSTED                 ((vm_prot_t)0x20)
#define VM_PROT_IS_MASK                 ((vm_prot_t)0x40)  // what is not granted is left out instead of refused
#define VM_PROT_STRIP_READ              ((vm_prot_t)0x80)
#define VM_PROT_EXECUTE_ONLY            (VM_PROT_EXECUTE | VM_PROT_STRIP_READ)
#define VM_PROT_COPY_FAIL_IF_EXECUTABLE ((vm_prot_t)0x100)
#define VM_PROT_TPRO                    ((vm_prot_t)0x200)
#if defined(__x86_64__)
#define VM_PROT_UEXEC   ((vm_prot_t)0x08)
#define VM_PROT_ALLEXEC (VM_PROT_EXECUTE | VM_PROT_UEXEC)
#else
#define VM_PROT_ALLEXEC VM_PROT_EXECUTE
#endif

#endif  // PORTOLAN_MACH_VM_PROT_H_
