// SPDX-License-Identifier: Apache-2.0
// Types of the inspection calls.
#ifndef PORTOLAN_MACH_DEBUG_MACH_DEBUG_TYPES_H_
#define PORTOLAN_MACH_DEBUG_MACH_DEBUG_TYPES_H_

#include <mach_debug/ipc_info.h>

#define KOBJECT_DESCRIPTION_LENGTH 512

typedef char kobject_description_t[KOBJECT_DESCRIPTION_LENGTH];

#endif  // PORTOLAN_MACH_DEBUG_MACH_DEBUG_TYPES_H_
