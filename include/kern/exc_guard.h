// SPDX-License-Identifier: Apache-2.0
// EXC_GUARD: how its code words are made up (tasks 3.2). The type is in bits 61 to 63, the flavor in bits
// 32 to 60, the target in bits 0 to 31.
#ifndef PORTOLAN_KERN_EXC_GUARD_H_
#define PORTOLAN_KERN_EXC_GUARD_H_

#include <stdint.h>

#define EXC_GUARD_DECODE_GUARD_TYPE(code)   (((uint64_t)(code) >> 61) & 0x7ULL)
#define EXC_GUARD_DECODE_GUARD_FLAVOR(code) (((uint64_t)(code) >> 32) & 0x1FFFFFFFULL)
#define EXC_GUARD_DECODE_GUARD_TARGET(code) ((uint64_t)(code)&0xFFFFFFFFULL)

#ifndef GUARD_TYPE_NONE
#define GUARD_TYPE_NONE 0x0
#endif
#ifndef GUARD_TYPE_MACH_PORT
#define GUARD_TYPE_MACH_PORT 0x1
#endif
#ifndef GUARD_TYPE_FD
#define GUARD_TYPE_FD 0x2
#endif
#ifndef GUARD_TYPE_USER
#define GUARD_TYPE_USER 0x3
#endif
#ifndef GUARD_TYPE_VN
#define GUARD_TYPE_VN 0x4
#endif
#ifndef GUARD_TYPE_VIRT_MEMORY
#define GUARD_TYPE_VIRT_MEMORY 0x5
#endif
#ifndef GUARD_TYPE_REJECTED_SC
#define GUARD_TYPE_REJECTED_SC 0x6
#endif

#endif  // PORTOLAN_KERN_EXC_GUARD_H_
