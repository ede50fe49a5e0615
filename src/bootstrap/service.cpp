// SPDX-License-Identifier: Apache-2.0
// Binding names and finding them: check_in, register, look_up, status (bootstrap 5.1, 5.4, 5.5, 5.10).
// Binding concerns the namespace whose port is used; finding goes outward to the root, one namespace a
// transaction.
#include <servers/bootstrap_priv.h>

#include "bootstrap/table.hpp"
#include "ipc/port.hpp"
#include "ipc/space.hpp"

namespace portolan::bootstrap {

namespace {

// A namespace and then its ancestors, each in a transaction of its own: `meet` answers KERN_NOT_FOUND to go
// on outward.
template <class Meet>
kern_return_t outward(Thread& self, const Caller& caller, Name bp, bool local, Meet&& meet) {
  Ref<Subset> at;
  for (;;) {
    Ref<Subset> next;
    const kern_return_t code =
        with_space(self, caller, kGiveNeeds, [&](Txn& txn, Locked<Space>& space) -> kern_return_t {
          next = {};
          Locked<Subset> subset;
          if (at) {
            subset = txn.lock(at);
            if (!subset)
              return BOOTSTRAP_UNKNOWN_SERVICE;  // it fell, and the one where we began falls with it
          } else {
            Owner owner;
            const kern_return_t entered = enter(txn, space, bp, subset, owner);
            if (entered != KERN_SUCCESS) return entered;
            if (!can_own(txn, caller, subset, owner)) return BOOTSTRAP_NO_MEMORY;
          }
          const kern_return_t met = meet(txn, space, subset);
          if (met != KERN_NOT_FOUND) return met;
          // While we hold the child's lock it stays in its parent's list, and the parent stays.
          const Handle<Subset> parent{subset->parent};
          if (!parent || local) return BOOTSTRAP_UNKNOWN_SERVICE;
          next = txn.segment().ref_of(txn.segment().at(parent));
          return KERN_SUCCESS;
        });
    if (code != KERN_SUCCESS || !next) return code;
    at = next;
  }
}

// The receive right of a new port, as if it had come in a message: its make-send count is 0 and the
// namespace's send right not counted there. A legacy server's comes home when it is lost, all others' do not.
kern_return_t bind_new(Txn& txn, Locked<Space>& space, Locked<Subset>& subset, const ServiceName& name,
                       const Owner& owner, uint32_t flags, Name& out) {
  const bool server =
      owner.job && (txn.segment().at(owner.job).flags & ipc::kJobServer) != 0 && flags == 0;
  const Handle<Port> fresh = ipc::port_make(txn);
  Locked<Port> port = txn.lock(fresh);
  ipc::port_reference(txn, port);
  ipc::send_right_copy(txn, port);
  if (server) port->state.init(port->state | ipc::kPortComesHome);
  bind(txn, subset, name, port, owner, flags | (server ? ipc::kServiceDeclared : 0u));
  return give(txn, space, {fresh.index, MACH_MSG_TYPE_PORT_RECEIVE}, out);
}

kern_return_t take_from_home(Txn& txn, Locked<Space>& space, Locked<Port>& port, Name& out) {
  txn.set(port->state, port->state & ~ipc::kPortAtHome);
  return give(txn, space, {port.handle().index, MACH_MSG_TYPE_PORT_RECEIVE}, out);
}

}  // namespace

kern_return_t check_in(Thread& self, const Caller& caller, Name bp, const ServiceName& plain, uint64_t flags,
                       Name& out) {
  const Needs needs = kGiveNeeds.with<Service>().with<Port>();
  Handle<Port> unclear;
  for (;;) {
    const kern_return_t code =
        with_space(self, caller, needs, [&](Txn& txn, Locked<Space>& space) -> kern_return_t {
          Owner owner;
          Locked<Subset> subset;
          unclear = {};
          const kern_return_t entered = enter(txn, space, bp, subset, owner);
          if (entered != KERN_SUCCESS) return entered;
          if (!can_own(txn, caller, subset, owner)) return BOOTSTRAP_NO_MEMORY;
          if (subset->state != ipc::kPortActive) return MACH_SEND_INVALID_DEST;
          if (owner.job) {
            Locked<Job> job = txn.lock(owner.job);
            txn.set(job->flags, job->flags | ipc::kJobCheckedIn);
          }
          const bool per_pid = (flags & BOOTSTRAP_PER_PID_SERVICE) != 0;
          const ServiceName name = per_pid ? plain.private_to(owner.pid) : plain;
          const Handle<Service> present = find(txn, subset, name);
          if (!present) {
            if ((flags & BOOTSTRAP_STRICT_CHECKIN) != 0) return BOOTSTRAP_UNKNOWN_SERVICE;
            return bind_new(txn, space, subset, name, owner, per_pid ? ipc::kServicePerPid : 0u, out);
          }
          const Service& service = txn.segment().at(present);
          if (!owns(owner, service)) return BOOTSTRAP_NOT_PRIVILEGED;
          if (is_active(txn.segment(), service)) return BOOTSTRAP_SERVICE_ACTIVE;
          Locked<Port> port = txn.lock(Handle<Port>{service.port});
          if (!ipc::port_is_clear(*port)) {
            unclear = port.handle();
            return BOOTSTRAP_SERVICE_ACTIVE;
          }
          return take_from_home(txn, space, port, out);
        });
    if (unclear) {  // its last holder's receivers and sets are still being sent away
      ipc::port_clear_at_home(self, unclear);
      continue;
    }
    settle(self);
    return code;
  }
}

kern_return_t register_(Thread& self, const Caller& caller, Name bp, const ServiceName& plain, Name sp,
                        uint64_t flags) {
  const Needs needs = ipc::kCopyinNeeds.with<Service>().with<Port>().with<ipc::Kmsg>(2);
  const kern_return_t code =
      with_space(self, caller, needs, [&](Txn& txn, Locked<Space>& space) -> kern_return_t {
        Owner owner;
        Locked<Subset> subset;
        const kern_return_t entered = enter(txn, space, bp, subset, owner);
        if (entered != KERN_SUCCESS) return entered;
        ipc::NakedRight right{sp.value == MACH_PORT_DEAD ? ipc::kRightDead : ipc::kRightNull,
                              MACH_MSG_TYPE_PORT_SEND};
        if (sp.valid()) {
          ipc::Entry* entry = ipc::entry_find(txn, space, sp);
          if (entry == nullptr ||
              ipc::right_copyin(txn, space, *entry, MACH_MSG_TYPE_COPY_SEND, right) != KERN_SUCCESS)
            return MACH_SEND_INVALID_RIGHT;
        }
        if (!can_own(txn, caller, subset, owner)) return BOOTSTRAP_NO_MEMORY;
        if (subset->state != ipc::kPortActive) return MACH_SEND_INVALID_DEST;
        const bool per_pid = (flags & BOOTSTRAP_PER_PID_SERVICE) != 0;
        const ServiceName name = per_pid ? plain.private_to(owner.pid) : plain;
        const Handle<Service> present = find(txn, subset, name);
        if (present) {
          const Service& service = txn.segment().at(present);
          if (!owns(owner, service)) return BOOTSTRAP_NOT_PRIVILEGED;
          if (is_active(txn.segment(), service)) return BOOTSTRAP_SERVICE_ACTIVE;
          if (right.port != ipc::kRightNull) return BOOTSTRAP_NOT_PRIVILEGED;
          undeclare(txn, subset, present);
        }
        if (right.port == ipc::kRightNull) return KERN_SUCCESS;
        if (right.port == ipc::kRightDead) return BOOTSTRAP_NO_MEMORY;
        Locked<Port> port = txn.lock(Handle<Port>{right.port});
        bind(txn, subset, name, port, owner,
             per_pid ? ipc::kServicePerPid : static_cast<uint32_t>(ipc::kServiceRegistered));
        return KERN_SUCCESS;
      });
  settle(self);
  return code;
}

kern_return_t look_up(Thread& self, const Caller& caller, Name bp, const ServiceName& plain, uint32_t pid,
                      uint64_t flags, Name& out) {
  const bool per_pid = (flags & BOOTSTRAP_PER_PID_SERVICE) != 0;
  const ServiceName name = per_pid && pid != 0 ? plain.private_to(pid) : plain;
  Name found;
  const kern_return_t code = outward(
      self, caller, bp, per_pid && pid == 0,
      [&](Txn& txn, Locked<Space>& space, Locked<Subset>& subset) -> kern_return_t {
        const Handle<Service> handle = find(txn, subset, name);
        if (!handle) return KERN_NOT_FOUND;
        const Service& service = txn.segment().at(handle);
        // What hides is not there, and hides what is further out (bootstrap 6).
        if ((service.flags & ipc::kServiceHides) != 0 && !is_active(txn.segment(), service))
          return BOOTSTRAP_UNKNOWN_SERVICE;
        Locked<Port> port = txn.lock(Handle<Port>{service.port});
        ipc::send_right_copy(txn, port);
        return give(txn, space, {port.handle().index, MACH_MSG_TYPE_PORT_SEND}, found);
      });
  if (code == KERN_SUCCESS) out = found;
  settle(self);
  return code;
}

bootstrap_status_t status_of(const Segment& segment, const Service& service) {
  if (is_active(segment, service)) return BOOTSTRAP_STATUS_ACTIVE;
  const bool kept_alive = service.job != 0 &&
                          (segment.at(Handle<Job>{service.job}).flags & ipc::kJobKeepAlive) != 0;
  return kept_alive ? BOOTSTRAP_STATUS_INACTIVE : BOOTSTRAP_STATUS_ON_DEMAND;
}

kern_return_t status(Thread& self, const Caller& caller, Name bp, const ServiceName& name,
                     bootstrap_status_t& out) {
  const kern_return_t code = outward(
      self, caller, bp, false, [&](Txn& txn, Locked<Space>&, Locked<Subset>& subset) -> kern_return_t {
        const Handle<Service> service = find(txn, subset, name);
        if (!service) return KERN_NOT_FOUND;
        out = status_of(txn.segment(), txn.segment().at(service));
        return KERN_SUCCESS;
      });
  settle(self);
  return code;
}

}  // namespace portolan::bootstrap
