// SPDX-License-Identifier: Apache-2.0
// The bootstrap calls that answer arrays: what is in a namespace, and what is below it (bootstrap 5.12, 5.13).
#include <servers/bootstrap_priv.h>

#include "ipc/mach_port.hpp"
#include "traps/bootstrap_call.hpp"
#include "vm/out_array.hpp"

using portolan::BootstrapCall;
using portolan::ipc::Name;
using portolan::vm::OutArray;
namespace bs = portolan::bootstrap;
namespace ipc = portolan::ipc;

namespace {

struct Services {
  OutArray<name_t> names, owners;
  OutArray<bootstrap_status_t> statuses;
  uint32_t count = 0;

  bool make_room(uint32_t room) {
    return names.make_room(room) && owners.make_room(room) && statuses.make_room(room);
  }
};

kern_return_t read_services(BootstrapCall& call, Services& services) {
  // As many as there can be: what is not used is not backed, and given back.
  const uint32_t room = call.thread().segment().carved(ipc::kZoneService) + bs::kRowsAtOnce;
  if (!services.make_room(room)) return BOOTSTRAP_NO_MEMORY;
  bs::Row rows[bs::kRowsAtOnce];
  uint32_t cursor = 0;
  for (;;) {
    unsigned found = 0;
    const kern_return_t code =
        bs::list(call.thread(), call.caller(), call.bp, cursor, rows, found);
    if (code != KERN_SUCCESS || found == 0) return code;
    for (unsigned i = 0; i < found && services.count < room; i++, services.count++) {
      memcpy(services.names[services.count], rows[i].name, sizeof rows[i].name);
      memcpy(services.owners[services.count], rows[i].owner, sizeof rows[i].owner);
      services.statuses[services.count] = rows[i].status;
    }
  }
}

struct Children {
  OutArray<mach_port_t> ports;
  OutArray<name_t> names;
  OutArray<bootstrap_property_t> properties;
  uint32_t count = 0;
};

kern_return_t read_children(BootstrapCall& call, Children& children) {
  const uint32_t room = call.thread().segment().carved(ipc::kZoneSubset) + 1;
  if (!children.ports.make_room(room) || !children.names.make_room(room) ||
      !children.properties.make_room(room))
    return BOOTSTRAP_NO_MEMORY;
  for (; children.count < room; children.count++) {
    bs::Child child;
    const kern_return_t code = bs::child(call.thread(), call.caller(), call.bp, children.count, child);
    if (code == BOOTSTRAP_NO_CHILDREN && children.count != 0) return KERN_SUCCESS;
    if (code != KERN_SUCCESS) return code;
    children.ports[children.count] = child.port.value;
    memcpy(children.names[children.count], child.name, sizeof child.name);
    children.properties[children.count] = BOOTSTRAP_PROPERTY_EXPLICITSUBSET;
  }
  return KERN_SUCCESS;
}

}  // namespace

extern "C" {

kern_return_t bootstrap_info(mach_port_t bp, name_array_t* service_names,
                             mach_msg_type_number_t* service_namesCnt, name_array_t* service_jobs,
                             mach_msg_type_number_t* service_jobsCnt,
                             bootstrap_status_array_t* service_active,
                             mach_msg_type_number_t* service_activeCnt, uint64_t flags) {
  (void)flags;  // FORCE_LOCAL: a namespace has no table but its own here (bootstrap 8)
  BootstrapCall call(bp);
  if (!call.ok()) return MACH_SEND_INVALID_DEST;
  Services services;
  kern_return_t code = read_services(call, services);
  if (code == bs::kServedByProgram) code = KERN_NOT_SUPPORTED;
  const uint32_t count = services.count;
  for (mach_msg_type_number_t* to : {service_namesCnt, service_jobsCnt, service_activeCnt})
    code = call.store(code, to, count);
  code = call.store(code, service_names, services.names.take(count));
  code = call.store(code, service_jobs, services.owners.take(count));
  return call.finish(code, service_active, services.statuses.take(count));
}

kern_return_t bootstrap_lookup_children(mach_port_t bp, mach_port_array_t* children, name_array_t* names,
                                        bootstrap_property_array_t* properties,
                                        mach_msg_type_number_t* n_children) {
  BootstrapCall call(bp);
  if (!call.ok()) return MACH_SEND_INVALID_DEST;
  Children found;
  kern_return_t code = read_children(call, found);
  if (code == bs::kServedByProgram) code = KERN_NOT_SUPPORTED;
  if (code != KERN_SUCCESS) {
    for (uint32_t i = 0; i < found.count; i++)
      ipc::port_deallocate(call.thread(), call.caller().space, Name{found.ports[i]});
    return call.finish(code);
  }
  const uint32_t count = found.count;
  code = call.store(code, n_children, count);
  code = call.store(code, names, found.names.take(count));
  code = call.store(code, properties, found.properties.take(count));
  return call.finish(code, children, found.ports.take(count));
}

}  // extern "C"
