// SPDX-License-Identifier: Apache-2.0
// What a child gets of a region of memory.
#ifndef PORTOLAN_MACH_VM_INHERIT_H_
#define PORTOLAN_MACH_VM_INHERIT_H_

typedef unsigned int vm_inherit_t;

#define VM_INHERIT_SHARE       ((vm_inherit_t)0)
#define VM_INHERIT_COPY        ((vm_inherit_t)1)
#define VM_INHERIT_NONE        ((vm_inherit_t)2)
#define VM_INHERIT_DONATE_COPY ((vm_inherit_t)3)
#define VM_INHERIT_DEFAULT     ((vm_inherit_t)1)
#define VM_INHERIT_LAST_VALID  ((vm_inherit_t)2)

#endif  // PORTOLAN_MACH_VM_INHERIT_H_
