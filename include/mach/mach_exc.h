// SPDX-License-Identifier: Apache-2.0
// The messages that tell a handler of an exception, with 64-bit codes: what comes (ids 2405 to 2410) and
// what goes back (id + 100). They show the longest form: an array has as many elements as its count says,
// and what follows it moves up (tasks 4.7). The calls come later.
#ifndef PORTOLAN_MACH_MACH_EXC_H_
#define PORTOLAN_MACH_MACH_EXC_H_

#include <mach/exception_types.h>
#include <mach/machine/thread_state.h>
#include <mach/message.h>
#include <mach/ndr.h>
#include <stdint.h>

#ifndef __Request__mach_exc_subsystem__defined
#define __Request__mach_exc_subsystem__defined

#pragma pack(push, 4)

typedef struct {
  mach_msg_header_t Head;
  mach_msg_body_t msgh_body;
  mach_msg_port_descriptor_t thread;
  mach_msg_port_descriptor_t task;
  NDR_record_t NDR;
  exception_type_t exception;
  mach_msg_type_number_t codeCnt;
  int64_t code[2];
} __Request__mach_exception_raise_t;

typedef struct {
  mach_msg_header_t Head;
  NDR_record_t NDR;
  exception_type_t exception;
  mach_msg_type_number_t codeCnt;
  int64_t code[2];
  int flavor;
  mach_msg_type_number_t old_stateCnt;
  natural_t old_state[1296];
} __Request__mach_exception_raise_state_t;

typedef struct {
  mach_msg_header_t Head;
  mach_msg_body_t msgh_body;
  mach_msg_port_descriptor_t thread;
  mach_msg_port_descriptor_t task;
  NDR_record_t NDR;
  exception_type_t exception;
  mach_msg_type_number_t codeCnt;
  int64_t code[2];
  int flavor;
  mach_msg_type_number_t old_stateCnt;
  natural_t old_state[1296];
} __Request__mach_exception_raise_state_identity_t;

// The descriptor is a token for the task's identity.
typedef struct {
  mach_msg_header_t Head;
  mach_msg_body_t msgh_body;
  mach_msg_port_descriptor_t task_id_token_t;
  NDR_record_t NDR;
  uint64_t thread_id;
  exception_type_t exception;
  mach_msg_type_number_t codeCnt;
  int64_t code[2];
} __Request__mach_exception_raise_identity_protected_t;

// The descriptor is an object that holds the call stack.
typedef struct {
  mach_msg_header_t Head;
  mach_msg_body_t msgh_body;
  mach_msg_port_descriptor_t kcdata_object_t;
  NDR_record_t NDR;
  exception_type_t exception;
  mach_msg_type_number_t codeCnt;
  int64_t code[2];
} __Request__mach_exception_raise_backtrace_t;

typedef struct {
  mach_msg_header_t Head;
  mach_msg_body_t msgh_body;
  mach_msg_port_descriptor_t task_id_token_t;
  NDR_record_t NDR;
  uint64_t thread_id;
  exception_type_t exception;
  mach_msg_type_number_t codeCnt;
  int64_t code[2];
  int flavor;
  mach_msg_type_number_t old_stateCnt;
  natural_t old_state[1296];
} __Request__mach_exception_raise_state_identity_protected_t;

#pragma pack(pop)

#endif

#ifndef __Reply__mach_exc_subsystem__defined
#define __Reply__mach_exc_subsystem__defined

#pragma pack(push, 4)

typedef struct {
  mach_msg_header_t Head;
  NDR_record_t NDR;
  kern_return_t RetCode;
} __Reply__mach_exception_raise_t;

typedef struct {
  mach_msg_header_t Head;
  NDR_record_t NDR;
  kern_return_t RetCode;
  int flavor;
  mach_msg_type_number_t new_stateCnt;
  natural_t new_state[1296];
} __Reply__mach_exception_raise_state_t;

typedef __Reply__mach_exception_raise_state_t __Reply__mach_exception_raise_state_identity_t;
typedef __Reply__mach_exception_raise_t __Reply__mach_exception_raise_identity_protected_t;
typedef __Reply__mach_exception_raise_t __Reply__mach_exception_raise_backtrace_t;
typedef __Reply__mach_exception_raise_state_t __Reply__mach_exception_raise_state_identity_protected_t;

#pragma pack(pop)

#endif

#endif  // PORTOLAN_MACH_MACH_EXC_H_
