// SPDX-License-Identifier: Apache-2.0
// The messages that tell a handler of an exception, with 64-bit codes: what comes (ids 2405 to 2410) and
// what goes back (id + 100). They show the longest form: an array has as many elements as its count says,
// and what follows it moves up (tasks 4.7).
#ifndef PORTOLAN_MACH_MACH_EXC_H_
#define PORTOLAN_MACH_MACH_EXC_H_

#include <mach/boolean.h>
#include <mach/exception_types.h>
#include <mach/kern_return.h>
#include <mach/machine/thread_state.h>
#include <mach/message.h>
#include <mach/ndr.h>
#include <portolan/export.h>
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

PORTOLAN_BEGIN_DECLS

// Sends such a message, and waits for the reply, as the kernel does for a thread that faults; its trailer
// says who sent it. Consumes nothing: rights are copied. *new_stateCnt is the room before, what came after.
// Blocks. Returns what the handler answers, a code of mach_msg, MIG_SERVER_DIED if the request was destroyed,
// or another MIG_ code for a reply that is none.
PORTOLAN_EXPORT kern_return_t mach_exception_raise(mach_port_t exception_port, mach_port_t thread,
                                                   mach_port_t task, exception_type_t exception,
                                                   mach_exception_data_t code,
                                                   mach_msg_type_number_t codeCnt);
PORTOLAN_EXPORT kern_return_t mach_exception_raise_state(
    mach_port_t exception_port, exception_type_t exception, mach_exception_data_t code,
    mach_msg_type_number_t codeCnt, int* flavor, thread_state_t old_state,
    mach_msg_type_number_t old_stateCnt, thread_state_t new_state, mach_msg_type_number_t* new_stateCnt);
PORTOLAN_EXPORT kern_return_t mach_exception_raise_state_identity(
    mach_port_t exception_port, mach_port_t thread, mach_port_t task, exception_type_t exception,
    mach_exception_data_t code, mach_msg_type_number_t codeCnt, int* flavor, thread_state_t old_state,
    mach_msg_type_number_t old_stateCnt, thread_state_t new_state, mach_msg_type_number_t* new_stateCnt);

// For a server loop (messages 10.3): takes a request of ids 2405 to 2407 apart, calls the catch_ function of
// its kind, and makes the reply. TRUE if it was such a request; a program that lacks the function answers
// KERN_FAILURE.
PORTOLAN_EXPORT boolean_t mach_exc_server(mach_msg_header_t* InHeadP, mach_msg_header_t* OutHeadP);

// The program's own. KERN_SUCCESS: the thread goes on, and the rights to thread and task are the program's to
// give back. Anything else: the next handler is asked, and the server loop gives them back.
PORTOLAN_EXPORT kern_return_t catch_mach_exception_raise(mach_port_t exception_port, mach_port_t thread,
                                                         mach_port_t task, exception_type_t exception,
                                                         mach_exception_data_t code,
                                                         mach_msg_type_number_t codeCnt);
PORTOLAN_EXPORT kern_return_t catch_mach_exception_raise_state(
    mach_port_t exception_port, exception_type_t exception, mach_exception_data_t code,
    mach_msg_type_number_t codeCnt, int* flavor, thread_state_t old_state,
    mach_msg_type_number_t old_stateCnt, thread_state_t new_state, mach_msg_type_number_t* new_stateCnt);
PORTOLAN_EXPORT kern_return_t catch_mach_exception_raise_state_identity(
    mach_port_t exception_port, mach_port_t thread, mach_port_t task, exception_type_t exception,
    mach_exception_data_t code, mach_msg_type_number_t codeCnt, int* flavor, thread_state_t old_state,
    mach_msg_type_number_t old_stateCnt, thread_state_t new_state, mach_msg_type_number_t* new_stateCnt);

PORTOLAN_END_DECLS

#endif  // PORTOLAN_MACH_MACH_EXC_H_
