// SPDX-License-Identifier: Apache-2.0
#include "ipc/semaphore.hpp"

#include <kern/ipc_kobject.h>
#include <mach/sync_policy.h>

#include "ipc/kmsg.hpp"
#include "ipc/mach_port.hpp"
#include "ipc/mqueue.hpp"
#include "segment/wait.hpp"

namespace portolan::ipc {

namespace {

constexpr int kOldPrepost = 4;  // a bit of the policy that once meant something

// The name errors of tasks 6.1.
kern_return_t lookup(Txn& txn, Locked<Space>& space, Name name, Locked<Port>& port) {
  if (space->state != kSpaceActive) return KERN_INVALID_TASK;
  if (!name.valid()) return KERN_INVALID_NAME;
  const Entry* entry = entry_find(txn, space, name);
  if (entry == nullptr || entry->has(kTypeDead)) return KERN_INVALID_NAME;
  if (!entry->has(kTypeSend)) return KERN_INVALID_RIGHT;
  port = txn.lock(Handle<Port>{entry->object});
  return port->active() && port->kobject_type == IKOT_SEMAPHORE ? KERN_SUCCESS : KERN_INVALID_CAPABILITY;
}

// Runs an operation on a semaphore that is not destroyed.
template <class Body>
kern_return_t on_semaphore(Thread& self, Handle<Space> handle, Name name, Body&& body) {
  return transact(self, Needs{}, [&](Txn& txn) -> int {
    Locked<Space> space = txn.lock(handle);
    Locked<Port> port;
    const kern_return_t code = lookup(txn, space, name, port);
    if (code != KERN_SUCCESS) return code;
    return port->kobject == 0 ? KERN_TERMINATED : body(txn, port);
  });
}

uint32_t next_in_line(const Locked<Port>& port) {
  return (port->qlimit & SYNC_POLICY_LIFO) != 0 ? port->receiver_tail : port->receiver_head;
}

void signal(Txn& txn, Locked<Port>& port) {
  if (const uint32_t waiter = next_in_line(port))
    mqueue_wake_receiver(txn, port, waiter, KERN_SUCCESS);
  else
    txn.set(port->context, port->context + 1);
}

// KERN_INVALID_ARGUMENT: no semaphore. Nothing happens to one that belongs to somebody else.
kern_return_t end(Thread& self, Handle<Port> handle, Handle<Task> owner) {
  kern_return_t code = KERN_SUCCESS;
  for (bool more = true; more;) {
    code = transact(self, Needs{}, [&](Txn& txn) -> int {
      more = false;
      Locked<Port> port = txn.lock(handle);
      if (port->kobject_type != IKOT_SEMAPHORE) return KERN_INVALID_ARGUMENT;
      if (port->kobject != owner.index) return KERN_SUCCESS;
      more = !mqueue_wake_receivers(txn, port, kWaitersAtOnce);
      if (!more) semaphore_disown(txn, port);
      return KERN_SUCCESS;
    });
  }
  return code;
}

}  // namespace

void semaphore_disown(Txn& txn, Locked<Port>& port) {
  if (port->kobject == 0) return;
  Locked<Task> owner = txn.lock(Handle<Task>{port->kobject});
  txn.add(owner->semaphores, static_cast<uint32_t>(-1));
  txn.set(port->kobject, 0);
}

kern_return_t semaphore_make(Txn& txn, Target<Task> owner, int policy, int value, NakedRight& right) {
  if (value < 0 || (policy & ~(SYNC_POLICY_LIFO | kOldPrepost)) != 0) return KERN_INVALID_ARGUMENT;
  Locked<Task> task = txn.lock(owner);
  if (task->state != kTaskLive) return KERN_INVALID_TASK;
  const Handle<Port> made = kobject_port_make(txn, IKOT_SEMAPHORE, owner.handle.index);
  Locked<Port> port = txn.lock(made);
  txn.set(port->context, static_cast<uint64_t>(value));
  txn.set(port->qlimit, static_cast<uint32_t>(policy));
  send_right_make(txn, port);
  txn.add(task->semaphores, 1);
  right = {made.index, MACH_MSG_TYPE_PORT_SEND};
  return KERN_SUCCESS;
}

kern_return_t semaphore_end(Thread& self, Target<Task> owner, const NakedRight& right) {
  if (right.port == kRightNull || right.port == kRightDead || !owner) return KERN_INVALID_ARGUMENT;
  return end(self, Handle<Port>{right.port}, owner.handle);
}

kern_return_t semaphore_create(Thread& self, Target<Task> owner, Handle<Space> to, int policy, int value,
                               Name& name) {
  return with_room(self, to, kCopyoutNeeds.with<Port>(1), [&](Txn& txn) -> int {
    NakedRight right;
    const kern_return_t made = semaphore_make(txn, owner, policy, value, right);
    if (made != KERN_SUCCESS) return made;
    Locked<Space> space = txn.lock(to);
    const kern_return_t code = right_copyout(txn, space, right, name);
    return code == KERN_SUCCESS ? code : txn.roll_back(code);
  });
}

kern_return_t semaphore_destroy(Thread& self, Target<Task> owner, Handle<Space> from, Name name) {
  NakedRight right;
  const kern_return_t taken = right_take_sent(self, from, name, MACH_MSG_TYPE_MOVE_SEND, right);
  if (taken != KERN_SUCCESS) return taken;
  const kern_return_t code = semaphore_end(self, owner, right);
  right_drop(self, right);
  return code;
}

kern_return_t semaphore_signal(Thread& self, Handle<Space> space, Name name) {
  return on_semaphore(self, space, name, [](Txn& txn, Locked<Port>& port) -> int {
    signal(txn, port);
    return KERN_SUCCESS;
  });
}

kern_return_t semaphore_signal_all(Thread& self, Handle<Space> space, Name name) {
  for (;;) {
    bool more = false;
    const kern_return_t code = on_semaphore(self, space, name, [&](Txn& txn, Locked<Port>& port) -> int {
      for (unsigned i = 0; i < kWaitersAtOnce && port->receiver_head != 0; i++)
        mqueue_wake_receiver(txn, port, next_in_line(port), KERN_SUCCESS);
      more = port->receiver_head != 0;
      return KERN_SUCCESS;
    });
    if (code != KERN_SUCCESS || !more) return code;
  }
}

kern_return_t semaphore_signal_thread(Thread& self, Handle<Space> space, Name name, uint32_t slot) {
  return on_semaphore(self, space, name, [&](Txn& txn, Locked<Port>& port) -> int {
    uint32_t waiter = slot == 0 ? next_in_line(port) : port->receiver_head.get();
    while (slot != 0 && waiter != 0 && waiter / kFrames != slot) waiter = txn.segment().frame(waiter).next;
    if (waiter == 0) return KERN_NOT_WAITING;
    mqueue_wake_receiver(txn, port, waiter, KERN_SUCCESS);
    return KERN_SUCCESS;
  });
}

kern_return_t semaphore_wait(Thread& self, Handle<Space> handle, Name name, const SemaphoreWait& how) {
  bool waits = false;
  const kern_return_t code = transact(self, Needs{}, [&](Txn& txn) -> int {
    waits = false;
    Locked<Space> space = txn.lock(handle);
    Locked<Port> port, other;
    kern_return_t found = how.signals ? lookup(txn, space, how.signal, other) : KERN_SUCCESS;
    if (found == KERN_SUCCESS) found = lookup(txn, space, name, port);
    if (found != KERN_SUCCESS) return found;
    if (port->kobject == 0 || (how.signals && other->kobject == 0)) return KERN_TERMINATED;
    kern_return_t taken = KERN_SUCCESS;
    if (port->context != 0) {
      txn.set(port->context, port->context - 1);
    } else if (how.polls) {
      taken = KERN_OPERATION_TIMED_OUT;
    } else {
      mqueue_wait_on_port(txn, port, 0, 0);
      waits = true;
    }
    if (how.signals) signal(txn, other);
    return taken;
  });
  if (!waits) return code;
  Frame& frame = self.frame();
  const WaitEnd ended = wait_for_grant(self, frame, how.deadline_ns, true);
  return transact(self, Needs{}, [&](Txn& txn) -> int {
    // Whoever grants holds this lock until the grant is committed; to hold that of another port does no harm.
    const Handle<Port> object{frame.object};
    txn.acquire(txn.segment().at(object).lock);
    if (frame.state == kWaitPort) {
      Locked<Port> port = txn.lock(object);
      mqueue_unwait(txn, port, frame, self.frame_id());
      return ended == WaitEnd::timed_out ? KERN_OPERATION_TIMED_OUT : KERN_ABORTED;
    }
    const kern_return_t granted = frame.result;
    txn.set(frame.state, kWaitNone);
    txn.set(frame.grant, 0);
    return granted == MACH_RCV_PORT_CHANGED ? KERN_TERMINATED : granted;
  });
}

void semaphores_end(Thread& self, Handle<Task> owner) {
  Segment& segment = self.segment();
  // No new one can be made for a task that is ending. What a port is for never changes while it exists.
  for (uint32_t i = 1; i < segment.carved(kZonePort) && segment.at(owner).semaphores != 0; i++) {
    const Port& port = segment.at(Handle<Port>{i});
    if (port.allocated() && port.kobject_type == IKOT_SEMAPHORE) end(self, Handle<Port>{i}, owner);
  }
}

}  // namespace portolan::ipc
