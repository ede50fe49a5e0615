// SPDX-License-Identifier: Apache-2.0
// Processors: types, subtypes, states.
#ifndef PORTOLAN_MACH_MACHINE_H_
#define PORTOLAN_MACH_MACHINE_H_

#include <mach/boolean.h>
#include <mach/machine/vm_types.h>

typedef integer_t cpu_type_t;
typedef integer_t cpu_subtype_t;
typedef integer_t cpu_threadtype_t;

// What a processor's time is spent on.
#define CPU_STATE_MAX    4
#define CPU_STATE_USER   0
#define CPU_STATE_SYSTEM 1
#define CPU_STATE_IDLE   2
#define CPU_STATE_NICE   3

// Types; the high byte tells the size of a word.
#define CPU_ARCH_MASK     0xff000000U
#define CPU_ARCH_ABI64    0x1000000
#define CPU_ARCH_ABI64_32 0x2000000
#define CPU_TYPE_ANY      ((cpu_type_t)-1)
#define CPU_TYPE_X86      ((cpu_type_t)7)
#define CPU_TYPE_I386     ((cpu_type_t)7)
#define CPU_TYPE_X86_64   ((cpu_type_t)0x1000007)
#define CPU_TYPE_ARM      ((cpu_type_t)12)
#define CPU_TYPE_ARM64    ((cpu_type_t)0x100000c)

// Subtypes.
#define CPU_SUBTYPE_MASK       0xff000000U
#define CPU_SUBTYPE_LIB64      0x80000000U
#define CPU_SUBTYPE_ANY        ((cpu_subtype_t)-1)
#define CPU_SUBTYPE_MULTIPLE   ((cpu_subtype_t)-1)
#define CPU_SUBTYPE_X86_64_ALL ((cpu_subtype_t)3)
#define CPU_SUBTYPE_X86_64_H   ((cpu_subtype_t)8)
#define CPU_SUBTYPE_ARM64_ALL  ((cpu_subtype_t)0)
#define CPU_SUBTYPE_ARM64_V8   ((cpu_subtype_t)1)
#define CPU_SUBTYPE_ARM64E     ((cpu_subtype_t)2)

#define CPU_THREADTYPE_NONE ((cpu_threadtype_t)0)

#define CPU_SUBTYPE_INTEL(f, m)               ((cpu_subtype_t)(f) + ((m) << 4))
#define CPU_SUBTYPE_INTEL_FAMILY(x)           ((x)&15)
#define CPU_SUBTYPE_INTEL_MODEL(x)            ((x) >> 4)
#define CPU_SUBTYPE_ARM64_PTR_AUTH_VERSION(x) (((unsigned int)(x)&0x0f000000u) >> 24)

#endif  // PORTOLAN_MACH_MACHINE_H_
