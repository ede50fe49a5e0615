// SPDX-License-Identifier: Apache-2.0
// Exceptions of this machine.
#ifndef PORTOLAN_MACH_MACHINE_EXCEPTION_H_
#define PORTOLAN_MACH_MACHINE_EXCEPTION_H_

#if defined(__x86_64__)
#include <mach/i386/exception.h>
#elif defined(__aarch64__)
#include <mach/arm/exception.h>
#endif

#endif  // PORTOLAN_MACH_MACHINE_EXCEPTION_H_
