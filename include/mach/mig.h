// SPDX-License-Identifier: Apache-2.0
// How MIG describes the routines of a subsystem, and what its stubs call.
#ifndef PORTOLAN_MACH_MIG_H_
#define PORTOLAN_MACH_MIG_H_

#include <mach/message.h>
#include <mach/port.h>
#include <mach/vm_types.h>
#include <portolan/export.h>
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

PORTOLAN_BEGIN_DECLS

// The port on which the calling thread waits for replies (messages 10.4). Produces nothing: a receive right
// that the thread keeps, made at its first call, gone with the thread; a fork child makes its own. Does not
// block. Returns its name, or MACH_PORT_NULL if there is no room for it.
PORTOLAN_EXPORT mach_port_t mig_get_reply_port(void);

// Gives the thread's reply port up, after an error that leaves it in doubt; the next get makes another
// (messages 10.4). Consumes the receive right, and one user reference of reply_port if that is another. Does
// not block.
PORTOLAN_EXPORT void mig_dealloc_reply_port(mach_port_t reply_port);

// Called when the reply was received, or could not be asked for: does nothing, the port stays
// (messages 10.4).
PORTOLAN_EXPORT void mig_put_reply_port(mach_port_t reply_port);

// Copies at most len - 1 bytes of a string and ends it with a NUL (messages 10.4). Does not block.
// Returns the bytes written, the NUL included; 0 if len is not positive.
PORTOLAN_EXPORT int mig_strncpy(char* dest, const char* src, int len);

// As mig_strncpy, and zeroes what is left of dest; a null src gives zeros, and 0 (messages 10.4).
PORTOLAN_EXPORT int mig_strncpy_zerofill(char* dest, const char* src, int len);

// Zeroed memory anywhere, for the caller to give back; *addr is 0 if there is none (messages 10.4).
PORTOLAN_EXPORT void mig_allocate(vm_address_t* addr, vm_size_t size);

// Gives memory back, as vm_deallocate does (messages 10.4).
PORTOLAN_EXPORT void mig_deallocate(vm_address_t addr, vm_size_t size);

PORTOLAN_END_DECLS

#endif  // PORTOLAN_MACH_MIG_H_
