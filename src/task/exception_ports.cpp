// SPDX-License-Identifier: Apache-2.0
#include "task/exception_ports.hpp"

#include "task/task_internal.hpp"

namespace portolan {

using namespace task_detail;

namespace {

using ipc::ActionChange;
using ipc::ActionList;
using Level = ExceptionTarget::Level;

constexpr unsigned kTypes = ipc::kExceptionTypes - 1;
constexpr Needs kCopyoutAll = Needs{}.with<ipc::Kmsg>(1).with<ipc::Acquisition>(kTypes);

// Locks a target; its word that names the array of actions, or nullptr if it is ending.
Cell<uint32_t>* lock_target(Txn& txn, const ExceptionTarget& target) {
  Segment& segment = txn.segment();
  if (target.level == Level::host) {
    Cell<uint32_t>& word = segment.header().roots[ipc::kRootHostActions];
    txn.acquire(segment.at(Handle<ipc::Actions>{word}).lock);
    return &word;
  }
  if (target.level == Level::task) {
    Locked<Task> task = txn.lock(target.task);
    // An embryo gets what posix_spawn was told.
    return task->state == ipc::kTaskLive || task->state == ipc::kTaskEmbryo ? &task->actions : nullptr;
  }
  ThreadSlot& slot = segment.slot(target.slot);
  const Handle<Task> handle{slot.task};
  if (!segment.plausible(ipc::kZoneTask, handle.index)) return nullptr;
  txn.acquire(segment.at(handle).lock);
  // As long as the thread has this port its element is taken.
  const bool same = slot.task == handle.index && slot.kernel_port == target.port.index &&
                    segment.at(target.port).generation == target.port.generation;
  return same ? &slot.actions : nullptr;
}

bool is_live(Txn& txn, uint32_t port) {
  return port != kRightNull && port != kRightDead && txn.lock(Handle<Port>{port})->active();
}

// The caller's right, for as long as the transaction lasts: the name keeps one.
kern_return_t borrow(Txn& txn, Handle<Space> handle, mach_port_name_t name, uint32_t& port) {
  Locked<Space> space = txn.lock(handle);
  NakedRight right;
  const kern_return_t code = copyin_send(txn, space, name, right);
  port = right.port;
  if (code == KERN_SUCCESS) ipc::naked_destroy(txn, right);
  return code;
}

// Names for the rights of a list. On failure all is to be rolled back.
kern_return_t name_all(Txn& txn, Handle<Space> handle, const ActionList& list, mach_port_name_t* names) {
  Locked<Space> space = txn.lock(handle);
  for (unsigned i = 0; i < list.count; i++) {
    const uint32_t port = list.of[i].port;
    names[i] = port == kRightDead ? MACH_PORT_DEAD : MACH_PORT_NULL;
    if (port == kRightNull || port == kRightDead) continue;
    ipc::Name name;
    const kern_return_t put = ipc::right_copyout(txn, space, send_right(port), name);
    if (put != KERN_SUCCESS && put != KERN_INVALID_CAPABILITY) return put;
    names[i] = name.value;
  }
  return KERN_SUCCESS;
}

// `take(txn)` fills the list in the transaction that names its rights.
template <class Take>
kern_return_t take_and_name(Thread& self, Handle<Space> space, const Needs& needs, const ActionList& list,
                            mach_port_name_t* names, Take&& take) {
  for (;;) {
    const kern_return_t code = transact(self, needs, [&](Txn& txn) -> int {
      kern_return_t answer = take(txn);
      if (answer == KERN_SUCCESS) answer = name_all(txn, space, list, names);
      return answer == KERN_SUCCESS ? answer : txn.roll_back(answer);
    });
    if (code != KERN_NO_SPACE) return code;
    const kern_return_t grown = ipc::space_grow(self, space, list.count);
    if (grown != KERN_SUCCESS) return grown;
  }
}

}  // namespace

kern_return_t exception_ports_store(Txn& txn, const ExceptionTarget& target, const ActionChange& change,
                                    uint32_t port) {
  const kern_return_t code = ipc::actions_check(change, is_live(txn, port));
  if (code != KERN_SUCCESS) return code;
  Cell<uint32_t>* owner = lock_target(txn, target);
  if (owner == nullptr) return KERN_FAILURE;
  if (change.mask != 0) ipc::actions_store(txn, *owner, change, port);
  return KERN_SUCCESS;
}

kern_return_t exception_ports_exchange(Txn& txn, const ExceptionTarget& target, const ActionChange& change,
                                       uint32_t port, ActionList& old) {
  old.count = 0;
  const kern_return_t code = ipc::actions_check(change, is_live(txn, port));
  if (code != KERN_SUCCESS) return code;
  Cell<uint32_t>* owner = lock_target(txn, target);
  if (owner == nullptr) return KERN_FAILURE;
  if (change.mask != 0) ipc::actions_exchange(txn, *owner, change, port, old);
  return KERN_SUCCESS;
}

kern_return_t exception_ports_list(Txn& txn, const ExceptionTarget& target, uint32_t mask, ipc::Rights rights,
                                   ActionList& list) {
  list.count = 0;
  if (!ipc::actions_mask_is_valid(mask)) return KERN_INVALID_ARGUMENT;
  const Cell<uint32_t>* owner = lock_target(txn, target);
  if (owner == nullptr) return KERN_FAILURE;
  if (target.level == Level::thread && *owner == 0) return KERN_SUCCESS;
  ipc::actions_list(txn, Handle<ipc::Actions>{*owner}, mask, rights, list);
  return KERN_SUCCESS;
}

kern_return_t exception_ports_set(Thread& self, const ExceptionTarget& target, Handle<Space> space,
                                  const ActionChange& change, mach_port_name_t name) {
  const Needs needs = ipc::kActionNeeds.with<ipc::Kmsg>(2);
  const kern_return_t code = transact(self, needs, [&](Txn& txn) -> int {
    uint32_t port = kRightNull;
    kern_return_t answer = borrow(txn, space, name, port);
    if (answer == KERN_SUCCESS) answer = exception_ports_store(txn, target, change, port);
    return answer == KERN_SUCCESS ? answer : txn.roll_back(answer);
  });
  settle(self);
  return code;
}

kern_return_t exception_ports_swap(Thread& self, const ExceptionTarget& target, Handle<Space> space,
                                   const ActionChange& change, mach_port_name_t name, ActionList& old,
                                   mach_port_name_t* names) {
  const Needs needs = kCopyoutAll.with<ipc::Actions>(1).with<ipc::Kmsg>(1);
  return take_and_name(self, space, needs, old, names, [&](Txn& txn) {
    uint32_t port = kRightNull;
    const kern_return_t code = borrow(txn, space, name, port);
    return code == KERN_SUCCESS ? exception_ports_exchange(txn, target, change, port, old) : code;
  });
}

kern_return_t exception_ports_get(Thread& self, const ExceptionTarget& target, Handle<Space> space,
                                  uint32_t mask, ActionList& list, mach_port_name_t* names) {
  return take_and_name(self, space, kCopyoutAll, list, names, [&](Txn& txn) {
    return exception_ports_list(txn, target, mask, ipc::Rights::copied, list);
  });
}

}  // namespace portolan
