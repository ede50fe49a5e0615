// SPDX-License-Identifier: Apache-2.0
// boolean_t, whose signedness depends on the architecture.
#ifndef PORTOLAN_MACH_MACHINE_BOOLEAN_H_
#define PORTOLAN_MACH_MACHINE_BOOLEAN_H_

#if defined(__x86_64__) || defined(__i386__)
typedef unsigned int boolean_t;
#else
typedef int boolean_t;
#endif

#endif  // PORTOLAN_MACH_MACHINE_BOOLEAN_H_
