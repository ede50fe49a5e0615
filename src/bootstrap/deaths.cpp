// SPDX-License-Identifier: Apache-2.0
// What the death of a port or of a process does to names, and how the namespace hears of it: it stands in
// front of the kernel's work list. A dying port that is marked, and a dying task, first lose their names;
// then their own steps go on.
//
// If we die here: the port or the task is still at the head of the work list, and all of this may be done
// again. Services are found by their chains, namespaces by going through their zone: there are few, and most
// deaths never look.
#include "bootstrap/table.hpp"
#include "ipc/port.hpp"
#include "segment/steps.hpp"
#include "task/task.hpp"

namespace portolan::bootstrap {

namespace {

// In a dying task's flags: its names are gone.
constexpr uint32_t kTaskNamesGone = 0x8000'0000;

// The first of the services whose owner is this pid, in the row of the table that it shares with other pids.
template <class Doomed>
Handle<Service> first_of(Txn& txn, uint32_t pid, Doomed&& doomed) {
  Steps steps(txn.segment(), ipc::kZoneService);
  Handle<Service> walk{owners_row(txn, pid)};
  while (walk && !doomed(txn.segment().at(walk))) {
    steps.step();
    walk.index = txn.segment().at(walk).owner_next;
  }
  return walk;
}

// Unbinds all services of a pid that `doomed` says yes to, one a transaction. False: no memory.
template <class Doomed>
bool unbind_owned(Thread& self, uint32_t pid, Doomed&& doomed) {
  for (bool more = true; more;) {
    const int code = transact(self, ipc::kDropNeeds, [&](Txn& txn) {
      txn.lock(owners_table(txn.segment()));
      const Handle<Service> service = first_of(txn, pid, doomed);
      more = static_cast<bool>(service);
      if (!more) return 0;
      Locked<Subset> subset = txn.lock(Handle<Subset>{txn.segment().at(service).subset});
      unbind(txn, subset, service);
      return 0;
    });
    if (code != 0) return false;
  }
  return true;
}

// Some service bound to this port: by its chain, or by a search where the port has none.
Handle<Service> service_of(Txn& txn, const Locked<Port>& port) {
  const Segment& segment = txn.segment();
  if (port_has_chain(*port)) return {port->kobject};
  for (uint32_t i = 1; i < segment.carved(ipc::kZoneService); i++) {
    const Service& service = segment.at(Handle<Service>{i});
    if (service.allocated() && service.port == port.handle().index) return {i};
  }
  return {};
}

// A service of a port that is dying goes, or gets a new port. False: no memory.
bool unbind_from(Thread& self, Handle<Port> handle) {
  for (bool more = true; more;) {
    const int code = transact(self, kFindNeeds, [&](Txn& txn) {
      Locked<Port> port = txn.lock(handle);
      const Handle<Service> service = service_of(txn, port);
      more = static_cast<bool>(service);
      if (!more) return 0;
      Locked<Subset> subset = txn.lock(Handle<Subset>{txn.segment().at(service).subset});
      if (renews(txn.segment().at(service)) && subset->state == ipc::kPortActive)
        renew(txn, service);
      else
        unbind(txn, subset, service);
      return 0;
    });
    if (code != 0) return false;
  }
  return true;
}

bool work_step(Thread& self, uint32_t item) {
  const Segment& segment = self.segment();
  const uint32_t index = work_index(item);
  if (work_zone(item) == ipc::kZonePort && segment.at(Handle<Port>{index}).is(kPortNamed))
    return port_gone(self, Handle<Port>{index});
  if (work_zone(item) == ipc::kZoneTask) {
    const Task& task = segment.at(Handle<Task>{index});
    if (task.state == ipc::kTaskDying && (task.flags & kTaskNamesGone) == 0)
      return owner_gone(self, Handle<Task>{index});
  }
  return static_cast<const Layers*>(segment.upper)->kernel_step(self, item);
}

}  // namespace

bool port_gone(Thread& self, Handle<Port> handle) {
  Segment& segment = self.segment();
  if (!unbind_from(self, handle)) return false;
  const uint32_t end = segment.carved(ipc::kZoneSubset);
  for (uint32_t i = 1; i < end; i++) {
    const Subset& candidate = segment.at(Handle<Subset>{i});
    if (!candidate.allocated() || candidate.requestor != handle.index) continue;
    transact(self, Needs{}, [&](Txn& txn) {
      Locked<Subset> subset = txn.lock(Handle<Subset>{i});
      if (subset->allocated() && subset->requestor == handle.index) begin_fall(txn, subset);
      return 0;
    });
  }
  // Nothing new can come to depend on a port that is not active.
  transact(self, Needs{}, [&](Txn& txn) {
    Locked<Port> port = txn.lock(handle);
    txn.set(port->state, port->state & ~kPortNamed);
    return 0;
  });
  return true;
}

bool owner_gone(Thread& self, Handle<Task> handle) {
  const Task& task = self.segment().at(handle);
  const uint32_t pid = task.credentials.pid;
  // An exec ends the task, not the process: that still owns what it registered. So does a process whose pid
  // another task carries: an embryo that it did not claim, or the image before.
  const bool ended = (task.flags & ipc::kTaskExecing) == 0;
  const bool process_lives = static_cast<bool>(task_of_pid(self.segment(), pid));
  auto theirs = [&](const Service& service) {
    return service.owner_pid == pid && (service.owner == handle.index || !process_lives);
  };
  if (ended && !unbind_owned(self, pid, theirs)) return false;
  transact(self, Needs{}, [&](Txn& txn) {
    Locked<Task> locked = txn.lock(handle);
    txn.set(locked->flags, locked->flags | kTaskNamesGone);
    return 0;
  });
  return true;
}

bool reap_step(Thread& self, uint32_t item) {
  return work_zone(item) == ipc::kZoneSubset && subset_reap_step(self, Handle<Subset>{work_index(item)});
}

Layers make_layers(const ipc::Layers& kernel) {
  Layers layers;
  static_cast<ipc::Layers&>(layers) = kernel;
  layers.kernel_step = kernel.work_step;
  layers.work_step = work_step;
  return layers;
}

}  // namespace portolan::bootstrap
