// SPDX-License-Identifier: Apache-2.0
// Ways to stop a host.
#ifndef PORTOLAN_MACH_HOST_REBOOT_H_
#define PORTOLAN_MACH_HOST_REBOOT_H_

#define HOST_REBOOT_HALT     0x8
#define HOST_REBOOT_UPSDELAY 0x100
#define HOST_REBOOT_DEBUGGER 0x1000

#endif  // PORTOLAN_MACH_HOST_REBOOT_H_
