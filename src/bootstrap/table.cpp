// SPDX-License-Identifier: Apache-2.0
#include "bootstrap/table.hpp"

#include <mach/mig_errors.h>

#include "ipc/port.hpp"
#include "ipc/space.hpp"
#include "segment/raw.hpp"

namespace portolan::bootstrap {

namespace {

constexpr unsigned kChainMax = 1 << 18;  // no chain is so long: a damaged one ends here

Cell<uint32_t>& bucket(Locked<Subset>& subset, uint64_t hash) {
  return subset->buckets[hash % ipc::kNameBuckets];
}

}  // namespace

kern_return_t enter(Txn& txn, Locked<Space>& space, Name bp, Locked<Subset>& subset) {
  if (!bp.valid()) return MACH_SEND_INVALID_DEST;
  ipc::Entry* entry = ipc::entry_find(txn, space, bp);
  if (entry == nullptr || !entry->has(ipc::kTypeSend)) return MACH_SEND_INVALID_DEST;
  Locked<Port> port = txn.lock(Handle<Port>{entry->object});
  if (!port->active()) return MACH_SEND_INVALID_DEST;
  if (port->kobject_type == 0) return kServedByProgram;
  if (port->kobject_type != kKobjectBootstrap) return MIG_BAD_ID;
  subset = txn.lock(Handle<Subset>{port->kobject});
  return KERN_SUCCESS;
}

bool can_own(Txn& txn, const Caller& caller, uint32_t& pid) {
  if (!caller.task) return false;
  Locked<Task> task = txn.lock(caller.task);
  pid = task->credentials.pid;
  return task->state == ipc::kTaskLive;
}

Handle<Service> find(Txn& txn, Locked<Subset>& subset, const ServiceName& name) {
  Handle<Service> walk{bucket(subset, name.hash())};
  for (unsigned i = 0; walk && i < kChainMax; i++) {
    const Service& service = txn.segment().at(walk);
    if (name.is(service)) break;
    walk.index = service.next;
  }
  if (!walk) return {};
  const Locked<Port> port = txn.lock(Handle<Port>{txn.segment().at(walk).port});
  if (port->active()) return walk;
  unbind(txn, subset, walk);
  return {};
}

Handle<Service> bind(Txn& txn, Locked<Subset>& subset, const ServiceName& name, Locked<Port>& port,
                     Handle<Task> owner, uint32_t pid, uint32_t flags) {
  const Handle<Service> handle = txn.allocate<Service>();
  Service& service = txn.segment().at(handle);
  Cell<uint32_t>& head = bucket(subset, name.hash());
  service.link.init(0);
  service.work.init(0);
  service.subset.init(subset.handle().index);
  service.next.init(head);
  service.port.init(port.handle().index);
  service.owner.init(owner.index);
  service.owner_pid.init(pid);
  service.flags.init(flags);
  service.hash.init(name.hash());
  raw_copy(service.name, name.bytes(), sizeof service.name);
  txn.set(head, handle.index);
  txn.add(subset->services, 1);
  mark_named(txn, port);
  return handle;
}

void unbind(Txn& txn, Locked<Subset>& subset, Handle<Service> handle) {
  Service& service = txn.segment().at(handle);
  Cell<uint32_t>* link = &bucket(subset, service.hash);
  for (unsigned i = 0; *link != handle.index; i++) {
    if (*link == 0 || i == kChainMax) kernel_panic("a service is missing from its namespace");
    link = &txn.segment().at(Handle<Service>{*link}).next;
  }
  txn.set(*link, service.next);
  txn.add(subset->services, static_cast<uint32_t>(-1));
  Locked<Port> port = txn.lock(Handle<Port>{service.port});
  txn.release(handle);
  ipc::send_right_release(txn, port);
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
