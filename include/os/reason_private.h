// SPDX-License-Identifier: Apache-2.0
// Codes of the exit reasons of the system library.
#ifndef PORTOLAN_OS_REASON_PRIVATE_H_
#define PORTOLAN_OS_REASON_PRIVATE_H_

#include <sys/reason.h>

#define OS_REASON_LIBSYSTEM_CODE_WORKLOOP_OWNERSHIP_LEAK 1
#define OS_REASON_LIBSYSTEM_CODE_FAULT                   2
#define OS_REASON_LIBSYSTEM_CODE_SECINIT_INITIALIZER     3
#define OS_REASON_LIBSYSTEM_CODE_PTHREAD_CORRUPTION      4
#define OS_REASON_LIBSYSTEM_CODE_OS_LOG_FAULT            5

#endif  // PORTOLAN_OS_REASON_PRIVATE_H_
