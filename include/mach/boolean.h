// SPDX-License-Identifier: Apache-2.0
// The truth type of the Mach interfaces.
#ifndef PORTOLAN_MACH_BOOLEAN_H_
#define PORTOLAN_MACH_BOOLEAN_H_

#include <mach/machine/boolean.h>

#ifndef TRUE
#define TRUE 1
#endif
#ifndef FALSE
#define FALSE 0
#endif

#endif  // PORTOLAN_MACH_BOOLEAN_H_
