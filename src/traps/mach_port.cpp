// SPDX-License-Identifier: Apache-2.0
// The mach_port calls that make, move and drop rights. Checks arguments, copies them, decides nothing:
// contracts are in include/mach/mach_port.h.
#include <mach/mach_port.h>
#include <mach/mig_errors.h>

#include "traps/port_call.hpp"

using portolan::NoTask;
using portolan::PortCall;
using portolan::ipc::Name;
namespace ipc = portolan::ipc;

extern "C" {

kern_return_t mach_port_allocate(ipc_space_t task, mach_port_right_t right, mach_port_name_t* name) {
  PortCall call(task);
  if (call.code() != KERN_SUCCESS) return call.code();
  Name made;
  return call.store(ipc::port_allocate(call.thread(), call.space(), right, made), name, made.value);
}

kern_return_t mach_port_allocate_name(ipc_space_t task, mach_port_right_t right, mach_port_name_t name) {
  PortCall call(task);
  if (call.code() != KERN_SUCCESS) return call.code();
  Name wanted{name};
  return ipc::port_allocate_name(call.thread(), call.space(), right, wanted);
}

kern_return_t mach_port_allocate_full(ipc_space_t task, mach_port_right_t right, mach_port_t proto,
                                      mach_port_qos_t* qos, mach_port_name_t* name) {
  PortCall call(task);
  if (call.code() != KERN_SUCCESS) return call.code();
  if (proto != MACH_PORT_NULL) return KERN_INVALID_VALUE;
  mach_port_qos_t wanted;
  Name made;
  if (!call.load(wanted, qos) || !call.load(made.value, name)) return KERN_INVALID_ADDRESS;
  kern_return_t code = ipc::port_allocate_full(call.thread(), call.space(), right, wanted, made);
  code = call.store(code, qos, wanted);
  return call.store(code, name, made.value);
}

kern_return_t mach_port_allocate_qos(ipc_space_t task, mach_port_right_t right, mach_port_qos_t* qos,
                                     mach_port_name_t* name) {
  {
    PortCall call(task);
    if (call.code() != KERN_SUCCESS) return call.code();
    mach_port_qos_t wanted;
    if (!call.load(wanted, qos)) return KERN_INVALID_ADDRESS;
    if (wanted.name) return KERN_INVALID_ARGUMENT;
  }
  return mach_port_allocate_full(task, right, MACH_PORT_NULL, qos, name);
}

kern_return_t mach_port_construct(ipc_space_t task, mach_port_options_ptr_t options,
                                  mach_port_context_t context, mach_port_name_t* name) {
  PortCall call(task);
  if (call.code() != KERN_SUCCESS) return call.code();
  mach_port_options_t wanted;
  if (!call.load(wanted, options)) return KERN_INVALID_ADDRESS;
  Name made;
  return call.store(ipc::port_construct(call.thread(), call.space(), wanted, context, made), name,
                    made.value);
}

kern_return_t mach_port_destruct(ipc_space_t task, mach_port_name_t name, mach_port_delta_t srdelta,
                                 mach_port_context_t guard) {
  PortCall call(task);
  if (call.code() != KERN_SUCCESS) return call.code();
  return ipc::port_destruct(call.thread(), call.space(), Name{name}, srdelta, guard);
}

kern_return_t mach_port_destroy(ipc_space_t task, mach_port_name_t name) {
  PortCall call(task);
  if (call.code() != KERN_SUCCESS) return call.code();
  return ipc::port_destroy_name(call.thread(), call.space(), Name{name});
}

kern_return_t mach_port_deallocate(ipc_space_t task, mach_port_name_t name) {
  PortCall call(task);
  if (call.code() != KERN_SUCCESS) return call.code();
  return ipc::port_deallocate(call.thread(), call.space(), Name{name});
}

kern_return_t mach_port_mod_refs(ipc_space_t task, mach_port_name_t name, mach_port_right_t right,
                                 mach_port_delta_t delta) {
  PortCall call(task);
  if (call.code() != KERN_SUCCESS) return call.code();
  return ipc::port_mod_refs(call.thread(), call.space(), Name{name}, right, delta);
}

kern_return_t mach_port_insert_right(ipc_space_t task, mach_port_name_t name, mach_port_t poly,
                                     mach_msg_type_name_t disposition) {
  PortCall call(task);
  if (call.code() != KERN_SUCCESS) return call.code();
  return ipc::port_insert_right(call.thread(), call.space(), Name{name}, call.own_space(), Name{poly},
                                disposition);
}

kern_return_t mach_port_extract_right(ipc_space_t task, mach_port_name_t name,
                                      mach_msg_type_name_t disposition, mach_port_t* poly,
                                      mach_msg_type_name_t* kind) {
  PortCall call(task);
  if (call.code() != KERN_SUCCESS) return call.code();
  Name right;
  mach_msg_type_name_t type = 0;
  kern_return_t code = ipc::port_extract_right(call.thread(), call.space(), Name{name}, disposition,
                                               call.own_space(), right, type);
  code = call.store(code, poly, right.value);
  return call.store(code, kind, type);
}

kern_return_t mach_port_rename(ipc_space_t task, mach_port_name_t old_name, mach_port_name_t new_name) {
  PortCall call(task);
  (void)old_name;
  (void)new_name;
  return call.code() != KERN_SUCCESS ? call.code() : MIG_BAD_ID;
}

kern_return_t mach_port_insert_member(ipc_space_t task, mach_port_name_t name, mach_port_name_t set) {
  PortCall call(task);
  if (call.code() != KERN_SUCCESS) return call.code();
  return ipc::port_insert_member(call.thread(), call.space(), Name{name}, Name{set});
}

kern_return_t mach_port_extract_member(ipc_space_t task, mach_port_name_t name, mach_port_name_t set) {
  PortCall call(task);
  if (call.code() != KERN_SUCCESS) return call.code();
  return ipc::port_extract_member(call.thread(), call.space(), Name{name}, Name{set});
}

kern_return_t mach_port_move_member(ipc_space_t task, mach_port_name_t member, mach_port_name_t after) {
  PortCall call(task);
  if (call.code() != KERN_SUCCESS) return call.code();
  return ipc::port_move_member(call.thread(), call.space(), Name{member}, Name{after});
}

kern_return_t mach_port_request_notification(ipc_space_t task, mach_port_name_t name, mach_msg_id_t id,
                                             mach_port_mscount_t sync, mach_port_t notify,
                                             mach_msg_type_name_t disposition, mach_port_t* previous) {
  PortCall call(task);
  if (call.code() != KERN_SUCCESS) return call.code();
  Name old;
  const kern_return_t code = ipc::port_request_notification(call.thread(), call.space(), Name{name}, id, sync,
                                                            call.own_space(), Name{notify}, disposition, old);
  return call.store(code, previous, old.value);
}

}  // extern "C"
