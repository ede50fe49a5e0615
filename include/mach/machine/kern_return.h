// SPDX-License-Identifier: Apache-2.0
// kern_return_t itself.
#ifndef PORTOLAN_MACH_MACHINE_KERN_RETURN_H_
#define PORTOLAN_MACH_MACHINE_KERN_RETURN_H_

typedef int kern_return_t;

#endif  // PORTOLAN_MACH_MACHINE_KERN_RETURN_H_
