// SPDX-License-Identifier: Apache-2.0
// The messages that tell a handler of an exception, with 32-bit codes: what comes (ids 2401 to 2403) and
// what goes back (id + 100). They show the longest form: an array has as many elements as its count says,
// and what follows it moves up (tasks 4.7). The calls come later.
#ifndef PORTOLAN_MACH_EXC_H_
#define PORTOLAN_MACH_EXC_H_

#include <mach/exception_types.h>
#include <mach/machine/thread_state.h>
#include <mach/message.h>
#include <mach/ndr.h>

#ifndef __Request__exc_subsystem__defined
#define __Request__exc_subsystem__defined

#pragma pack(push, 4)

typedef struct {
  mach_msg_header_t Head;
  mach_msg_body_t msgh_body;
  mach_msg_port_descriptor_t thread;
  mach_msg_port_descriptor_t task;
  NDR_record_t NDR;
  exception_type_t exception;
  mach_msg_type_number_t codeCnt;
  integer_t code[2];
} __Request__exception_raise_t;

typedef struct {
  mach_msg_header_t Head;
  NDR_record_t NDR;
  exception_type_t exception;
  mach_msg_type_number_t codeCnt;
  integer_t code[2];
  int flavor;
  mach_msg_type_number_t old_stateCnt;
  natural_t old_state[1296];
} __Request__exception_raise_state_t;

typedef struct {
  mach_msg_header_t Head;
  mach_msg_body_t msgh_body;
  mach_msg_port_descriptor_t thread;
  mach_msg_port_descriptor_t task;
  NDR_record_t NDR;
  exception_type_t exception;
  mach_msg_type_number_t codeCnt;
  integer_t code[2];
  int flavor;
  mach_msg_type_number_t old_stateCnt;
  natural_t old_state[1296];
} __Request__exception_raise_state_identity_t;

#pragma pack(pop)

#endif

#ifndef __Reply__exc_subsystem__defined
#define __Reply__exc_subsystem__defined

#pragma pack(push, 4)

typedef struct {
  mach_msg_header_t Head;
  NDR_record_t NDR;
  kern_return_t RetCode;
} __Reply__exception_raise_t;

typedef struct {
  mach_msg_header_t Head;
  NDR_record_t NDR;
  kern_return_t RetCode;
  int flavor;
  mach_msg_type_number_t new_stateCnt;
  natural_t new_state[1296];
} __Reply__exception_raise_state_t;

typedef __Reply__exception_raise_state_t __Reply__exception_raise_state_identity_t;

#pragma pack(pop)

#endif

#endif  // PORTOLAN_MACH_EXC_H_
