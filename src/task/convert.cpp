// SPDX-License-Identifier: Apache-2.0
// From names to what they stand for, and back. Locks: the space's, then the port's; the answer may be out of
// date when it is used, so whoever uses it looks again at the object's state under its own lock.
#include "task/exception_ports.hpp"
#include "task/task_internal.hpp"

namespace portolan {

using namespace task_detail;

namespace {

// The object behind a send right of this space to a port of the kernel's, with its type; 0: none. `look` is
// called while the port is locked and alive, so that its object is, too.
template <class Look>
uint32_t kernel_object(Thread& self, Handle<Space> from, ipc::Name name, uint32_t& type, Look&& look) {
  uint32_t object = 0;
  transact(self, Needs{}, [&](Txn& txn) {
    object = type = 0;
    Locked<Space> space = txn.lock(from);
    if (space->state != ipc::kSpaceActive) return 0;
    const ipc::Entry* entry = ipc::entry_find(txn, space, name);
    if (entry == nullptr || !entry->has(ipc::kTypeSend)) return 0;
    Locked<Port> port = txn.lock(Handle<Port>{entry->object});
    if (!port->active()) return 0;
    type = port->kobject_type;
    object = port->kobject;
    look(object, port.handle());
    return 0;
  });
  return object;
}

}  // namespace

bool task_port_is(uint32_t type, Strength least) {
  constexpr uint32_t kTypes[] = {2, 45, 44, 20};  // IKOT_TASK_CONTROL, READ, INSPECT, NAME, strongest first
  for (unsigned i = 0; i <= static_cast<unsigned>(least); i++)
    if (kTypes[i] == type) return true;
  return false;
}

Target<Task> task_of_name(Thread& self, Handle<Space> space, ipc::Name name, Strength least) {
  const Segment& segment = self.segment();
  uint32_t type = 0;
  Target<Task> task;
  kernel_object(self, space, name, type, [&](uint32_t object, Handle<Port>) {
    task = {};
    // A task's ports die with its element, in one transaction.
    if (task_port_is(type, least)) task = Target<Task>(segment.ref_of(segment.at(Handle<Task>{object})));
  });
  if (!task || segment.at(task.handle).state != ipc::kTaskLive) return {};
  return task;
}

Target<Space> space_of_task(Thread& self, Target<Task> target) {
  Target<Space> space;
  transact(self, Needs{}, [&](Txn& txn) {
    space = {};
    const Locked<Task> task = txn.lock(target);
    if (task->state != ipc::kTaskLive || task->space == 0) return 0;
    space = Target<Space>(txn.segment().ref_of(txn.segment().at(Handle<Space>{task->space})));
    return 0;
  });
  return space;
}

uint32_t thread_of_name(Thread& self, Handle<Space> space, ipc::Name name) {
  uint32_t type = 0;
  const uint32_t slot = kernel_object(self, space, name, type, [](uint32_t, Handle<Port>) {});
  return type == 1 ? slot : 0;  // IKOT_THREAD_CONTROL
}

ExceptionTarget exception_target_thread(Thread& self, Handle<Space> space, ipc::Name name) {
  uint32_t type = 0;
  ExceptionTarget target;
  kernel_object(self, space, name, type, [&](uint32_t object, Handle<Port> port) {
    target = {ExceptionTarget::Level::thread, {}, object, self.segment().ref_of(self.segment().at(port))};
  });
  return type == 1 ? target : ExceptionTarget{};
}

ExceptionTarget exception_target_host(Thread& self, Handle<Space> space, ipc::Name name) {
  uint32_t type = 0;
  kernel_object(self, space, name, type, [](uint32_t, Handle<Port>) {});
  ExceptionTarget target;
  if (type == 4) target.level = ExceptionTarget::Level::host;  // IKOT_HOST_PRIV
  return target;
}

mach_port_name_t name_of_port(Thread& self, Handle<Space> from, Handle<Port> port) {
  ipc::Name name;
  transact(self, Needs{}, [&](Txn& txn) {
    name = {};
    Locked<Space> space = txn.lock(from);
    if (space->state == ipc::kSpaceActive && ipc::hash_find(txn, space, port, name) == nullptr) name = {};
    return 0;
  });
  return name.value;
}

}  // namespace portolan
