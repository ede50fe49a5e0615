// SPDX-License-Identifier: Apache-2.0
// Exceptions: classes, behaviours, masks.
#ifndef PORTOLAN_MACH_EXCEPTION_TYPES_H_
#define PORTOLAN_MACH_EXCEPTION_TYPES_H_

#include <mach/machine/exception.h>
#include <mach/machine/vm_types.h>
#include <mach/port.h>
#include <mach/thread_status.h>
#include <stdint.h>

typedef int exception_type_t;
typedef integer_t exception_data_type_t;
typedef long long mach_exception_data_type_t;
typedef int exception_behavior_t;
typedef unsigned int exception_mask_t;

typedef exception_data_type_t* exception_data_t;
typedef mach_exception_data_type_t* mach_exception_data_t;
typedef integer_t mach_exception_code_t;
typedef integer_t mach_exception_subcode_t;
typedef exception_mask_t* exception_mask_array_t;
typedef exception_behavior_t* exception_behavior_array_t;
typedef thread_state_flavor_t* exception_flavor_array_t;
typedef mach_port_t* exception_port_array_t;
typedef mach_port_t exception_port_t;
typedef mach_port_t exception_handler_t;
typedef exception_handler_t* exception_handler_array_t;

// Classes.
#define EXC_BAD_ACCESS      1
#define EXC_BAD_INSTRUCTION 2
#define EXC_ARITHMETIC      3
#define EXC_EMULATION       4
#define EXC_SOFTWARE        5
#define EXC_BREAKPOINT      6
#define EXC_SYSCALL         7
#define EXC_MACH_SYSCALL    8
#define EXC_RPC_ALERT       9
#define EXC_CRASH           10
#define EXC_RESOURCE        11
#define EXC_GUARD           12
#define EXC_CORPSE_NOTIFY   13
#define FIRST_EXCEPTION     1

// What a handler is sent: rights to thread and task, the thread's state, or both; or an identity token.
#define EXCEPTION_DEFAULT                  1
#define EXCEPTION_STATE                    2
#define EXCEPTION_STATE_IDENTITY           3
#define EXCEPTION_IDENTITY_PROTECTED       4
#define EXCEPTION_STATE_IDENTITY_PROTECTED 5
// Joined with it: longer codes, and more.
#define MACH_EXCEPTION_BACKTRACE_PREFERRED 0x20000000
#define MACH_EXCEPTION_ERRORS              0x40000000
#define MACH_EXCEPTION_CODES               0x80000000U
#define MACH_EXCEPTION_MASK                0xe0000000U

// One bit for each class.
#define EXC_MASK_ALL                                                                                         \
  (EXC_MASK_BAD_ACCESS | EXC_MASK_BAD_INSTRUCTION | EXC_MASK_ARITHMETIC | EXC_MASK_EMULATION |               \
   EXC_MASK_SOFTWARE | EXC_MASK_BREAKPOINT | EXC_MASK_SYSCALL | EXC_MASK_MACH_SYSCALL | EXC_MASK_RPC_ALERT | \
   EXC_MASK_RESOURCE | EXC_MASK_GUARD | EXC_MASK_MACHINE)
#define EXC_MASK_BAD_ACCESS      0x2
#define EXC_MASK_BAD_INSTRUCTION 0x4
#define EXC_MASK_ARITHMETIC      0x8
#define EXC_MASK_EMULATION       0x10
#define EXC_MASK_SOFTWARE        0x20
#define EXC_MASK_BREAKPOINT      0x40
#define EXC_MASK_SYSCALL         0x80
#define EXC_MASK_MACH_SYSCALL    0x100
#define EXC_MASK_RPC_ALERT       0x200
#define EXC_MASK_CRASH           0x400
#define EXC_MASK_RESOURCE        0x800
#define EXC_MASK_GUARD           0x1000
#define EXC_MASK_CORPSE_NOTIFY   0x2000

// Codes of EXC_SOFTWARE.
#define EXC_SOFT_SIGNAL 0x10003
#define EXC_MACF_MIN    0x20000
#define EXC_MACF_MAX    0x2ffff

#endif  // PORTOLAN_MACH_EXCEPTION_TYPES_H_
