// SPDX-License-Identifier: Apache-2.0
// Binding names and finding them: check_in, register, look_up, status (bootstrap 5.1, 5.4, 5.5, 5.10).
// Binding concerns the namespace whose port is used; finding goes outward to the root, one namespace a
// transaction.
#include "bootstrap/table.hpp"
#include "ipc/port.hpp"
#include "ipc/space.hpp"

namespace portolan::bootstrap {

namespace {

// What stands in the way of binding a name here: nothing, or the code.
kern_return_t obstacle(Txn& txn, Handle<Service> present, uint32_t pid) {
  if (!present) return KERN_SUCCESS;
  const Service& service = txn.segment().at(present);
  if (service.owner_pid != pid) return BOOTSTRAP_NOT_PRIVILEGED;
  // Nothing is idle yet: jobs and what is declared for them come later.
  return BOOTSTRAP_SERVICE_ACTIVE;
}

// A namespace and then its ancestors, each in a transaction of its own: `meet` answers KERN_NOT_FOUND to go
// on outward.
template <class Meet>
kern_return_t outward(Thread& self, const Caller& caller, Name bp, const Needs& needs, Meet&& meet) {
  Ref<Subset> at;
  for (;;) {
    Ref<Subset> next;
    const kern_return_t code =
        with_space(self, caller, needs, [&](Txn& txn, Locked<Space>& space) -> kern_return_t {
          next = {};
          Locked<Subset> subset;
          if (at) {
            subset = txn.lock(at);
            if (!subset)
              return BOOTSTRAP_UNKNOWN_SERVICE;  // it fell, and the one where we began falls with it
          } else {
            uint32_t pid = 0;
            if (!can_own(txn, caller, pid)) return BOOTSTRAP_NO_MEMORY;
            const kern_return_t entered = enter(txn, space, bp, subset);
            if (entered != KERN_SUCCESS) return entered;
          }
          const kern_return_t met = meet(txn, space, subset);
          if (met != KERN_NOT_FOUND) return met;
          // While we hold the child's lock it stays in its parent's list, and the parent stays.
          const Handle<Subset> parent{subset->parent};
          if (!parent) return BOOTSTRAP_UNKNOWN_SERVICE;
          next = txn.segment().ref_of(txn.segment().at(parent));
          return KERN_SUCCESS;
        });
    if (code != KERN_SUCCESS || !next) return code;
    at = next;
  }
}

}  // namespace

kern_return_t check_in(Thread& self, const Caller& caller, Name bp, const ServiceName& name, Name& out) {
  const Needs needs = kGiveNeeds.with<Service>().with<Port>();
  const kern_return_t code =
      with_space(self, caller, needs, [&](Txn& txn, Locked<Space>& space) -> kern_return_t {
        uint32_t pid = 0;
        Locked<Subset> subset;
        const kern_return_t entered = enter(txn, space, bp, subset);
        if (entered != KERN_SUCCESS) return entered;
        if (!can_own(txn, caller, pid)) return BOOTSTRAP_NO_MEMORY;
        if (subset->state != ipc::kPortActive) return MACH_SEND_INVALID_DEST;
        const kern_return_t stands = obstacle(txn, find(txn, subset, name), pid);
        if (stands != KERN_SUCCESS) return stands;
        // A port as if it had come in a message: its make-send count is 0 and the namespace's send right not
        // counted there.
        const Handle<Port> fresh = ipc::port_make(txn);
        Locked<Port> port = txn.lock(fresh);
        ipc::port_reference(txn, port);
        ipc::send_right_copy(txn, port);
        bind(txn, subset, name, port, caller.task, pid, ipc::kServiceActive);
        return give(txn, space, {fresh.index, MACH_MSG_TYPE_PORT_RECEIVE}, out);
      });
  settle(self);
  return code;
}

kern_return_t register_(Thread& self, const Caller& caller, Name bp, const ServiceName& name, Name sp) {
  const Needs needs = ipc::kCopyinNeeds.with<Service>().with<ipc::Kmsg>(2);
  const kern_return_t code =
      with_space(self, caller, needs, [&](Txn& txn, Locked<Space>& space) -> kern_return_t {
        uint32_t pid = 0;
        Locked<Subset> subset;
        const kern_return_t entered = enter(txn, space, bp, subset);
        if (entered != KERN_SUCCESS) return entered;
        ipc::NakedRight right{sp.value == MACH_PORT_DEAD ? ipc::kRightDead : ipc::kRightNull,
                              MACH_MSG_TYPE_PORT_SEND};
        if (sp.valid()) {
          ipc::Entry* entry = ipc::entry_find(txn, space, sp);
          if (entry == nullptr ||
              ipc::right_copyin(txn, space, *entry, MACH_MSG_TYPE_COPY_SEND, right) != KERN_SUCCESS)
            return MACH_SEND_INVALID_RIGHT;
        }
        if (!can_own(txn, caller, pid)) return BOOTSTRAP_NO_MEMORY;
        if (subset->state != ipc::kPortActive) return MACH_SEND_INVALID_DEST;
        const kern_return_t stands = obstacle(txn, find(txn, subset, name), pid);
        if (stands != KERN_SUCCESS) return stands;
        if (right.port == ipc::kRightNull) return KERN_SUCCESS;
        if (right.port == ipc::kRightDead) return BOOTSTRAP_NO_MEMORY;
        Locked<Port> port = txn.lock(Handle<Port>{right.port});
        bind(txn, subset, name, port, caller.task, pid, ipc::kServiceActive | ipc::kServiceRegistered);
        return KERN_SUCCESS;
      });
  settle(self);
  return code;
}

kern_return_t look_up(Thread& self, const Caller& caller, Name bp, const ServiceName& name, Name& out) {
  Name found;
  const kern_return_t code =
      outward(self, caller, bp, kGiveNeeds,
              [&](Txn& txn, Locked<Space>& space, Locked<Subset>& subset) -> kern_return_t {
                const Handle<Service> service = find(txn, subset, name);
                if (!service) return KERN_NOT_FOUND;
                Locked<Port> port = txn.lock(Handle<Port>{txn.segment().at(service).port});
                ipc::send_right_copy(txn, port);
                return give(txn, space, {port.handle().index, MACH_MSG_TYPE_PORT_SEND}, found);
              });
  if (code == KERN_SUCCESS) out = found;
  settle(self);
  return code;
}

kern_return_t status(Thread& self, const Caller& caller, Name bp, const ServiceName& name,
                     bootstrap_status_t& out) {
  const kern_return_t code = outward(
      self, caller, bp, kGiveNeeds, [&](Txn& txn, Locked<Space>&, Locked<Subset>& subset) -> kern_return_t {
        const Handle<Service> service = find(txn, subset, name);
        if (!service) return KERN_NOT_FOUND;
        const bool active = (txn.segment().at(service).flags & ipc::kServiceActive) != 0;
        out = active ? BOOTSTRAP_STATUS_ACTIVE : BOOTSTRAP_STATUS_ON_DEMAND;
        return KERN_SUCCESS;
      });
  settle(self);
  return code;
}

}  // namespace portolan::bootstrap
