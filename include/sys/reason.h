// SPDX-License-Identifier: Apache-2.0
// Exit reasons: why a process was ended (tasks 3.3). The calls come later.
#ifndef PORTOLAN_SYS_REASON_H_
#define PORTOLAN_SYS_REASON_H_

#include <stdint.h>

// Namespaces.
#define OS_REASON_INVALID             0
#define OS_REASON_JETSAM              1
#define OS_REASON_SIGNAL              2
#define OS_REASON_CODESIGNING         3
#define OS_REASON_HANGTRACER          4
#define OS_REASON_TEST                5
#define OS_REASON_DYLD                6
#define OS_REASON_LIBXPC              7
#define OS_REASON_OBJC                8
#define OS_REASON_EXEC                9
#define OS_REASON_SPRINGBOARD         10
#define OS_REASON_TCC                 11
#define OS_REASON_REPORTCRASH         12
#define OS_REASON_COREANIMATION       13
#define OS_REASON_AGGREGATED          14
#define OS_REASON_RUNNINGBOARD        15
#define OS_REASON_ASSERTIOND          15
#define OS_REASON_SKYWALK             16
#define OS_REASON_SETTINGS            17
#define OS_REASON_LIBSYSTEM           18
#define OS_REASON_FOUNDATION          19
#define OS_REASON_WATCHDOG            20
#define OS_REASON_METAL               21
#define OS_REASON_WATCHKIT            22
#define OS_REASON_GUARD               23
#define OS_REASON_ANALYTICS           24
#define OS_REASON_SANDBOX             25
#define OS_REASON_SECURITY            26
#define OS_REASON_ENDPOINTSECURITY    27
#define OS_REASON_PAC_EXCEPTION       28
#define OS_REASON_BLUETOOTH_CHIP      29
#define OS_REASON_PORT_SPACE          30
#define OS_REASON_WEBKIT              31
#define OS_REASON_BACKLIGHTSERVICES   32
#define OS_REASON_MEDIA               33
#define OS_REASON_ROSETTA             34
#define OS_REASON_LIBIGNITION         35
#define OS_REASON_BOOTMOUNT           36
#define OS_REASON_REALITYKIT          38
#define OS_REASON_AUDIO               39
#define OS_REASON_WAKEBOARD           40
#define OS_REASON_CORERC              41
#define OS_REASON_SELF_RESTRICT       42
#define OS_REASON_ARKIT               43
#define OS_REASON_MAX_VALID_NAMESPACE 43

#define OS_REASON_BUFFER_MAX_SIZE 5120

// Flags.
#define OS_REASON_FLAG_NO_CRASH_REPORT        0x1
#define OS_REASON_FLAG_GENERATE_CRASH_REPORT  0x2
#define OS_REASON_FLAG_FROM_USERSPACE         0x4
#define OS_REASON_FLAG_FAILED_DATA_COPYIN     0x8
#define OS_REASON_FLAG_PAYLOAD_TRUNCATED      0x10
#define OS_REASON_FLAG_BAD_PARAMS             0x20
#define OS_REASON_FLAG_CONSISTENT_FAILURE     0x40
#define OS_REASON_FLAG_ONE_TIME_FAILURE       0x80
#define OS_REASON_FLAG_NO_CRASHED_TID         0x100
#define OS_REASON_FLAG_ABORT                  0x200
#define OS_REASON_FLAG_SHAREDREGION_FAULT     0x400
#define OS_REASON_FLAG_CAPTURE_LOGS           0x800
#define OS_REASON_FLAG_SECURITY_SENSITIVE     0x1000
#define OS_REASON_FLAG_MASK_ALLOWED_FROM_USER 0x1ac1

// Codes, by namespace.
#define CODESIGNING_EXIT_REASON_TASKGATED_INVALID_SIG       1
#define CODESIGNING_EXIT_REASON_INVALID_PAGE                2
#define CODESIGNING_EXIT_REASON_TASK_ACCESS_PORT            3
#define CODESIGNING_EXIT_REASON_LAUNCH_CONSTRAINT_VIOLATION 4

#define EXEC_EXIT_REASON_BAD_MACHO         1
#define EXEC_EXIT_REASON_SUGID_FAILURE     2
#define EXEC_EXIT_REASON_ACTV_THREADSTATE  3
#define EXEC_EXIT_REASON_STACK_ALLOC       4
#define EXEC_EXIT_REASON_APPLE_STRING_INIT 5
#define EXEC_EXIT_REASON_COPYOUT_STRINGS   6
#define EXEC_EXIT_REASON_COPYOUT_DYNLINKER 7
#define EXEC_EXIT_REASON_SECURITY_POLICY   8
#define EXEC_EXIT_REASON_TASKGATED_OTHER   9
#define EXEC_EXIT_REASON_FAIRPLAY_DECRYPT  10
#define EXEC_EXIT_REASON_DECRYPT           11
#define EXEC_EXIT_REASON_UPX               12
#define EXEC_EXIT_REASON_NO32EXEC          13
#define EXEC_EXIT_REASON_WRONG_PLATFORM    14
#define EXEC_EXIT_REASON_MAIN_FD_ALLOC     15
#define EXEC_EXIT_REASON_COPYOUT_ROSETTA   16
#define EXEC_EXIT_REASON_SET_DYLD_INFO     17
#define EXEC_EXIT_REASON_MACHINE_THREAD    18
#define EXEC_EXIT_REASON_BAD_PSATTR        19
#define EXEC_EXIT_REASON_MAP_EXEC_FAILURE  21

#define GUARD_REASON_VNODE       1
#define GUARD_REASON_VIRT_MEMORY 2
#define GUARD_REASON_MACH_PORT   3
#define GUARD_REASON_EXCLAVES    4
#define GUARD_REASON_JIT         5

#define ENCODE_OSR_NAMESPACE_TO_MACH_EXCEPTION_CODE(code, osr_namespace) \
  ((code) = (__typeof__(code))((uint64_t)(code) | (((uint64_t)(osr_namespace)&0xffffffffULL) << 32)))
#define ENCODE_OSR_CODE_TO_MACH_EXCEPTION_CODE(code, osr_code) \
  ((code) = (__typeof__(code))((uint64_t)(code) | ((uint64_t)(osr_code)&0xffffffffULL)))

#endif  // PORTOLAN_SYS_REASON_H_
