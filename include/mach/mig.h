// SPDX-License-Identifier: Apache-2.0
// How MIG describes the routines of a subsystem. The stubs' helper calls come later.
#ifndef PORTOLAN_MACH_MIG_H_
#define PORTOLAN_MACH_MIG_H_

#include <mach/message.h>
#include <mach/port.h>
#include <mach/vm_types.h>
#include <stdint.h>

typedef void (*mig_stub_routine_t)(mach_msg_header_t* InHeadP, mach_msg_header_t* OutHeadP);
typedef mig_stub_routine_t mig_routine_t;
typedef mig_routine_t (*mig_server_routine_t)(mach_msg_header_t* InHeadP);
typedef kern_return_t (*mig_impl_routine_t)(void);

typedef mach_msg_type_descriptor_t routine_arg_descriptor;
typedef mach_msg_type_descriptor_t* routine_arg_descriptor_t;
typedef mach_msg_type_descriptor_t* mig_routine_arg_descriptor_t;

#define MIG_ROUTINE_ARG_DESCRIPTOR_NULL ((mig_routine_arg_descriptor_t)0)

struct routine_descriptor {
  mig_impl_routine_t impl_routine;  // the server's function
  mig_stub_routine_t stub_routine;  // what unpacks for it
  unsigned int argc;                // its argument words
  unsigned int descr_count;         // how many of them are descriptors
  routine_arg_descriptor_t arg_descr;
  unsigned int max_reply_msg;  // bytes of the largest reply
};
typedef struct routine_descriptor* routine_descriptor_t;
typedef struct routine_descriptor mig_routine_descriptor;
typedef mig_routine_descriptor* mig_routine_descriptor_t;

#define MIG_ROUTINE_DESCRIPTOR_NULL ((mig_routine_descriptor_t)0)

typedef struct mig_subsystem {
  mig_server_routine_t server;  // finds the routine for a request
  mach_msg_id_t start;          // first id
  mach_msg_id_t end;            // last id and one
  mach_msg_size_t maxsize;      // bytes of the largest message
  vm_address_t reserved;
  mig_routine_descriptor routine[1];  // as many as there are ids
} * mig_subsystem_t;

#define MIG_SUBSYSTEM_NULL ((mig_subsystem_t)0)

typedef struct mig_symtab {
  char* ms_routine_name;
  int ms_routine_number;
  void (*ms_routine)(void);
} mig_symtab_t;

#endif  // PORTOLAN_MACH_MIG_H_
