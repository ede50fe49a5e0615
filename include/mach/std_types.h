// SPDX-License-Identifier: Apache-2.0
// The types that MIG knows without being told.
#ifndef PORTOLAN_MACH_STD_TYPES_H_
#define PORTOLAN_MACH_STD_TYPES_H_

#include <mach/boolean.h>
#include <mach/kern_return.h>
#include <mach/port.h>
#include <mach/vm_types.h>
#include <stdint.h>
#include <sys/types.h>

#endif  // PORTOLAN_MACH_STD_TYPES_H_
