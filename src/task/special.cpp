// SPDX-License-Identifier: Apache-2.0
// Special and registered ports (tasks 1.6, 1.7). Locks: the task's, the space's, the ports'.
//
//   T1: a slot counts one send right, or is null, or dead.
//   T2: the slots for the inspect and the read port hold ports of the task itself, made when they are first
//   asked for;
//       the task counts a send right on them besides the reference that stands for the receive right.
//
// If we die here: one transaction each; what registering has in hand between its transactions is in holds.
#include "task/task_internal.hpp"

namespace portolan {

using namespace task_detail;

namespace {

enum Which : int { kKernel = 1, kHost, kName, kBootstrap, kInspect, kRead, kAccess = 9, kDebugControl };
constexpr uint32_t kTaskName = 20, kTaskInspect = 44, kTaskRead = 45;  // IKOT_*

Handle<Port> name_port(Txn& txn, Locked<Task>& task) {
  if (task->name_port == 0)
    txn.set(task->name_port, ipc::kobject_port_make(txn, kTaskName, task.handle().index).index);
  return Handle<Port>{task->name_port};
}

// The inspect or read port, for another send right (T2).
Handle<Port> own_port(Txn& txn, Locked<Task>& task, int which) {
  Cell<uint32_t>& cell = task->special[which];
  if (cell == kRightNull) {
    const Handle<Port> made =
        ipc::kobject_port_make(txn, which == kInspect ? kTaskInspect : kTaskRead, task.handle().index);
    make_held(txn, made);
    txn.set(cell, made.index);
  }
  return Handle<Port>{cell};
}

}  // namespace

kern_return_t special_copy(Txn& txn, Locked<Task>& task, int which, NakedRight& right) {
  right = send_right(kRightNull);
  if (task->state != ipc::kTaskLive) return KERN_FAILURE;
  switch (which) {
    case kKernel:
      right.port = make_held(txn, Handle<Port>{task->port});
      return KERN_SUCCESS;
    case kName:
      right.port = make_held(txn, name_port(txn, task));
      return KERN_SUCCESS;
    case kInspect:
    case kRead:
      right.port = make_held(txn, own_port(txn, task, which));
      return KERN_SUCCESS;
    case kHost:
    case kBootstrap:
    case kAccess:
    case kDebugControl:
      right.port = copy_held(txn, task->special[which]);
      return KERN_SUCCESS;
    default:
      return KERN_INVALID_ARGUMENT;
  }
}

kern_return_t special_store(Txn& txn, Locked<Task>& task, int which, NakedRight right, NakedRight& old) {
  old = send_right(kRightNull);
  if (which == kKernel || which == kHost) return KERN_NO_ACCESS;
  // An embryo gets what posix_spawn was told.
  if (task->state != ipc::kTaskLive && task->state != ipc::kTaskEmbryo) return KERN_FAILURE;
  if (which != kBootstrap && which != kAccess && which != kDebugControl) return KERN_INVALID_ARGUMENT;
  Cell<uint32_t>& cell = task->special[which];
  if (which == kAccess && cell != kRightNull && cell != kRightDead &&
      txn.segment().at(Handle<Port>{cell}).active())
    return KERN_NO_ACCESS;
  old.port = cell;
  txn.set(cell, right.port);
  return KERN_SUCCESS;
}

kern_return_t task_get_special_port(Thread& self, Target<Task> handle, int which, Handle<Space> to,
                                    mach_port_name_t& name) {
  return copyout(self, to, kSpecialNeeds, name, [&](Txn& txn, NakedRight& right) {
    Locked<Task> task = txn.lock(handle);
    return special_copy(txn, task, which, right);
  });
}

kern_return_t task_set_special_port(Thread& self, Target<Task> handle, int which, Handle<Space> from,
                                    mach_port_name_t name) {
  const Needs needs = ipc::kCopyinNeeds.with<ipc::Kmsg>(2);
  const kern_return_t code = transact(self, needs, [&](Txn& txn) -> int {
    Locked<Task> task = txn.lock(handle);
    Locked<Space> space = txn.lock(from);
    NakedRight right, old;
    kern_return_t answer = copyin_send(txn, space, name, right);
    if (answer == KERN_SUCCESS) answer = special_store(txn, task, which, right, old);
    if (answer != KERN_SUCCESS) return txn.roll_back(answer);
    ipc::naked_destroy(txn, old);
    return KERN_SUCCESS;
  });
  settle(self);
  return code;
}

namespace {

// What registering has in hand is told from what the rest of the trap has.
constexpr uint64_t kRegistering = 0x7265676973746572;
bool ours(const Hold& hold) { return hold.kind == ipc::kHoldSendRight && hold.extra == kRegistering; }

// Releases what registering still has in hand: new rights after a failure, old ones after success.
void release_holds(Thread& self) {
  for (Hold& hold : self.frame().holds) {
    if (!ours(hold)) continue;
    const int code = transact(self, ipc::kDropNeeds, [&](Txn& txn) {
      ipc::naked_destroy(txn, send_right(hold.object));
      txn.drop(hold);
      return 0;
    });
    if (code != 0) self.left_in_hand = true;
  }
}

void keep(Txn& txn, uint32_t port) {
  if (port != kRightNull && port != kRightDead) txn.hold(ipc::kHoldSendRight, port, kRegistering);
}

}  // namespace

kern_return_t task_ports_register(Thread& self, Target<Task> handle, Handle<Space> from,
                                  const mach_port_name_t* names, unsigned count) {
  if (count > ipc::kRegisteredPorts) return KERN_INVALID_ARGUMENT;
  // What an earlier call could not destroy, for want of memory, is not among the new ones.
  release_holds(self);
  for (const Hold& hold : self.frame().holds)
    if (ours(hold)) return KERN_RESOURCE_SHORTAGE;
  uint32_t ports[ipc::kRegisteredPorts] = {kRightNull, kRightNull, kRightNull};
  kern_return_t code = KERN_SUCCESS;
  for (unsigned i = 0; i < count && code == KERN_SUCCESS; i++) {
    const mach_port_name_t name = names[i];
    code = transact(self, ipc::kCopyinNeeds, [&](Txn& txn) -> int {
      Locked<Space> space = txn.lock(from);
      NakedRight right;
      const kern_return_t answer = copyin_send(txn, space, name, right);
      if (answer != KERN_SUCCESS) return txn.roll_back(answer);
      ports[i] = right.port;
      keep(txn, right.port);
      return KERN_SUCCESS;
    });
  }
  if (code == KERN_SUCCESS) {
    code = transact(self, Needs{}, [&](Txn& txn) -> int {
      Locked<Task> task = txn.lock(handle);
      if (task->state != ipc::kTaskLive && task->state != ipc::kTaskEmbryo) return KERN_INVALID_ARGUMENT;
      for (Hold& hold : self.frame().holds)
        if (ours(hold)) txn.drop(hold);
      for (unsigned i = 0; i < ipc::kRegisteredPorts; i++) {
        keep(txn, task->registered[i]);
        txn.set(task->registered[i], ports[i]);
      }
      return KERN_SUCCESS;
    });
  }
  release_holds(self);
  settle(self);
  return code;
}

ipc::NakedRight registered_copy(Txn& txn, Locked<Task>& task, unsigned slot) {
  return send_right(copy_held(txn, task->registered[slot]));
}

kern_return_t task_ports_lookup(Thread& self, Target<Task> handle, Handle<Space> to,
                                mach_port_name_t* names) {
  const Needs needs = ipc::kCopyoutNeeds.with<ipc::Kmsg>(2).with<ipc::Acquisition>(2);
  for (;;) {
    const kern_return_t code = transact(self, needs, [&](Txn& txn) -> int {
      Locked<Task> task = txn.lock(handle);
      if (task->state != ipc::kTaskLive) return KERN_INVALID_ARGUMENT;
      Locked<Space> space = txn.lock(to);
      for (unsigned i = 0; i < ipc::kRegisteredPorts; i++) {
        const uint32_t held = copy_held(txn, task->registered[i]);
        names[i] = held == kRightDead ? MACH_PORT_DEAD : MACH_PORT_NULL;
        if (held == kRightNull || held == kRightDead) continue;
        ipc::Name name;
        const kern_return_t put = ipc::right_copyout(txn, space, send_right(held), name);
        if (put != KERN_SUCCESS && put != KERN_INVALID_CAPABILITY) return txn.roll_back(put);
        names[i] = name.value;
      }
      return KERN_SUCCESS;
    });
    if (code != KERN_NO_SPACE) return code;
    const kern_return_t grown = ipc::space_grow(self, to, ipc::kRegisteredPorts);
    if (grown != KERN_SUCCESS) return grown;
  }
}

}  // namespace portolan
