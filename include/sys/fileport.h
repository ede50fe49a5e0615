// SPDX-License-Identifier: Apache-2.0
// File descriptors as port rights. The calls come later.
#ifndef PORTOLAN_SYS_FILEPORT_H_
#define PORTOLAN_SYS_FILEPORT_H_

#include <mach/port.h>

typedef mach_port_t fileport_t;

#define FILEPORT_NULL ((fileport_t)0)

#endif  // PORTOLAN_SYS_FILEPORT_H_
