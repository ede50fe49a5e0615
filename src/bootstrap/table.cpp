// SPDX-License-Identifier: Apache-2.0
#include "bootstrap/table.hpp"

#include <mach/mig_errors.h>

#include "ipc/port.hpp"
#include "ipc/space.hpp"
#include "segment/raw.hpp"

namespace portolan::bootstrap {

kern_return_t enter(Txn& txn, Locked<Space>& space, Name bp, Locked<Subset>& subset, Owner& owner) {
  owner = {};
  if (!bp.valid()) return MACH_SEND_INVALID_DEST;
  ipc::Entry* entry = ipc::entry_find(txn, space, bp);
  if (entry == nullptr || !entry->has(ipc::kTypeSend)) return MACH_SEND_INVALID_DEST;
  Locked<Port> port = txn.lock(Handle<Port>{entry->object});
  if (!port->active()) return MACH_SEND_INVALID_DEST;
  if (port->kobject_type == 0) return kServedByProgram;
  if (port->kobject_type == kKobjectBootstrap) {
    subset = txn.lock(Handle<Subset>{port->kobject});
    return KERN_SUCCESS;
  }
  if (port->kobject_type != ipc::kKobjectJob) return MIG_BAD_ID;
  Locked<Job> job = txn.lock(Handle<Job>{port->kobject});
  if (job->state != ipc::kJobLive || job->subset == 0) return MACH_SEND_INVALID_DEST;
  owner.job = job.handle();
  subset = txn.lock(Handle<Subset>{job->subset});
  return KERN_SUCCESS;
}

bool can_own(Txn& txn, const Caller& caller, const Locked<Subset>& subset, Owner& owner) {
  if (!caller.task) return false;
  Locked<Task> task = txn.lock(caller.task);
  owner.task = caller.task;
  owner.pid = task->credentials.pid;
  if (!owner.job && task->job != 0) {
    // Locked, so that it is not removed before what is bound for it is in its chain.
    const Locked<Job> job = txn.lock(Handle<Job>{task->job});
    if (job->state == ipc::kJobLive && job->pid == owner.pid && job->subset == subset.handle().index)
      owner.job = job.handle();
  }
  return task->state == ipc::kTaskLive;
}

bool owns(const Owner& owner, const Service& service) {
  return service.owner_pid == 0 ? service.job == owner.job.index : service.owner_pid == owner.pid;
}

bool is_active(const Segment& segment, const Service& service) {
  return (service.flags & ipc::kServiceDeclared) == 0 ||
         !segment.at(Handle<Port>{service.port}).is(ipc::kPortAtHome);
}

Handle<Service> find(Txn& txn, Locked<Subset>& subset, const ServiceName& name) {
  const Handle<Service> found = tree_find(txn, subset, name);
  if (!found) return {};
  const Locked<Port> port = txn.lock(Handle<Port>{txn.segment().at(found).port});
  if (port->active()) return found;
  if (renews(txn.segment().at(found))) {
    renew(txn, found);
    return found;
  }
  unbind(txn, subset, found);
  return {};
}

Handle<Service> bind(Txn& txn, Locked<Subset>& subset, const ServiceName& name, Locked<Port>& port,
                     const Owner& owner, uint32_t flags) {
  const Handle<Service> handle = txn.allocate<Service>();
  Service& service = txn.segment().at(handle);
  const bool jobs_own = owner.job && (flags & (ipc::kServiceDeclared | ipc::kServiceRegistered)) != 0;
  service.link.init(0);
  service.work.init(0);
  service.subset.init(subset.handle().index);
  service.port.init(port.handle().index);
  service.owner.init(owner.task.index);
  service.owner_pid.init(jobs_own ? 0 : owner.pid);
  service.job.init(owner.job.index);
  service.flags.init(flags);
  service.hash.init(name.hash());
  raw_copy(service.name, name.bytes(), sizeof service.name);
  tree_insert(txn, subset, handle);
  owner_chain_insert(txn, handle);
  port_chain_insert(txn, port, handle);
  mark_named(txn, port);
  return handle;
}

void unbind(Txn& txn, Locked<Subset>& subset, Handle<Service> handle) {
  tree_remove(txn, subset, handle);
  owner_chain_remove(txn, handle);
  Locked<Port> port = txn.lock(Handle<Port>{txn.segment().at(handle).port});
  port_chain_remove(txn, port, handle);
  txn.release(handle);
  ipc::send_right_release(txn, port);
}

void undeclare(Txn& txn, Locked<Subset>& subset, Handle<Service> handle) {
  if ((txn.segment().at(handle).flags & ipc::kServiceDeclared) != 0) {
    Locked<Port> port = txn.lock(Handle<Port>{txn.segment().at(handle).port});
    const bool at_home = port->is(ipc::kPortAtHome);
    txn.set(port->state, port->state & ~(ipc::kPortAtHome | ipc::kPortComesHome));
    if (at_home) ipc::port_destroy(txn, port);
  }
  unbind(txn, subset, handle);
}

Handle<Port> home_port(Txn& txn, bool comes_home) {
  const Handle<Port> handle = ipc::port_make(txn);
  Port& port = txn.segment().at(handle);
  port.state.init(port.state | ipc::kPortAtHome | (comes_home ? ipc::kPortComesHome : 0u));
  port.srights.init(1);
  port.refs.init(2);
  return handle;
}

void renew(Txn& txn, Handle<Service> handle) {
  Service& service = txn.segment().at(handle);
  Locked<Port> before = txn.lock(Handle<Port>{service.port});
  port_chain_remove(txn, before, handle);
  Locked<Port> port = txn.in_hand(home_port(txn, false));
  txn.set(service.port, port.handle().index);
  txn.set(service.port_next, 0);
  port->kobject.init(handle.index);
  port->state.init(port->state | kPortNamed);
  ipc::send_right_release(txn, before);
}

void mark_named(Txn& txn, Locked<Port>& port) {
  if (!port->is(kPortNamed)) txn.set(port->state, port->state | kPortNamed);
}

void begin_fall(Txn& txn, Locked<Subset>& subset) {
  if (subset->state != ipc::kPortActive) return;
  txn.set(subset->state, ipc::kPortDying);
  txn.push_work(subset.handle());
}

}  // namespace portolan::bootstrap
