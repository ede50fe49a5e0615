// SPDX-License-Identifier: Apache-2.0
// All of mach_debug.
#ifndef PORTOLAN_MACH_DEBUG_MACH_DEBUG_H_
#define PORTOLAN_MACH_DEBUG_MACH_DEBUG_H_

#include <mach_debug/mach_debug_types.h>

#endif  // PORTOLAN_MACH_DEBUG_MACH_DEBUG_H_
