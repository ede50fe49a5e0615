// SPDX-License-Identifier: Apache-2.0
// Semaphores (tasks 6.1). A semaphore is a port of the kernel's: its kobject is the task that owns it, 0 once
// it is destroyed; its context is the count; its receivers are the threads that wait; its limit is its
// policy. It ends with its last send right, so that nobody ever sees a dead name of one.
//   E1: a task's `semaphores` counts the ports whose kobject it is.
// Locks: the task's, the space's, the port's.
//
// If we die here: each call is one transaction, but for waking many. Destroying wakes first, and takes the
// semaphore from its owner in the transaction that finds nobody waiting any more; an owner that dies half-way
// is gone through again.
#pragma once

#include "ipc/right.hpp"

namespace portolan::ipc {

// Makes one in the caller's transaction, with a naked send right. KERN_SUCCESS, KERN_INVALID_ARGUMENT,
// KERN_INVALID_TASK.
kern_return_t semaphore_make(Txn& txn, Target<Task> owner, int policy, int value, NakedRight& right);
inline constexpr Needs kSemaphoreNeeds = Needs{}.with<Port>(1);
// Destroys the one that a right in the caller's hand names. KERN_SUCCESS, or KERN_INVALID_ARGUMENT if it
// names none.
kern_return_t semaphore_end(Thread& self, Target<Task> owner, const NakedRight& right);

// Gives `to` a send right. KERN_SUCCESS, KERN_INVALID_ARGUMENT, KERN_INVALID_TASK, and what copying out
// returns.
kern_return_t semaphore_create(Thread& self, Target<Task> owner, Handle<Space> to, int policy, int value,
                               Name& name);
// Takes a send right from `from` even if it does nothing. KERN_SUCCESS, KERN_INVALID_ARGUMENT,
// MACH_SEND_INVALID_RIGHT.
kern_return_t semaphore_destroy(Thread& self, Target<Task> owner, Handle<Space> from, Name name);

kern_return_t semaphore_signal(Thread& self, Handle<Space> space, Name name);
kern_return_t semaphore_signal_all(Thread& self, Handle<Space> space, Name name);
// `slot` 0: whichever thread waits first. KERN_NOT_WAITING.
kern_return_t semaphore_signal_thread(Thread& self, Handle<Space> space, Name name, uint32_t slot);

// How long, and what is signalled once the caller is in line.
struct SemaphoreWait {
  uint64_t deadline_ns = 0;
  bool polls = false;
  bool signals = false;
  Name signal{};
};
// Blocks. KERN_SUCCESS, KERN_TERMINATED, KERN_OPERATION_TIMED_OUT, KERN_ABORTED, and the name errors.
kern_return_t semaphore_wait(Thread& self, Handle<Space> space, Name name, const SemaphoreWait& how);

// A dying task's semaphores are destroyed.
void semaphores_end(Thread& self, Handle<Task> owner);
// Its owner has one semaphore fewer; nothing if it has none any more.
void semaphore_disown(Txn& txn, Locked<Port>& port);

}  // namespace portolan::ipc
