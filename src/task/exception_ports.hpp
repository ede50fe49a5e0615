// SPDX-License-Identifier: Apache-2.0
// Exception ports of tasks, threads and the host: set, got and swapped. Codes: docs/rules/tasks.md 4.2
// to 4.4.
//
// Locks: that of the task, or the thread's task, or the host's array; then a space's, then the ports'. If we
// die here: one transaction each; what was replaced is released by work that is on our list
// (ipc/actions.hpp).
#pragma once

#include "ipc/actions.hpp"
#include "task/task.hpp"

namespace portolan {

// Whose actions. A thread is its slot and the port it was named by, which dies with it.
struct ExceptionTarget {
  enum class Level : uint8_t { none, task, thread, host } level = Level::none;
  Target<ipc::Task> task;
  uint32_t slot = 0;
  Ref<ipc::Port> port;

  explicit operator bool() const { return level != Level::none; }
  static ExceptionTarget of(Target<ipc::Task> task) {
    return {task ? Level::task : Level::none, task, 0, {}};
  }
};

// The thread that `name` denotes in `space`, by its control port. Empty: none.
ExceptionTarget exception_target_thread(Thread& self, Handle<ipc::Space> space, ipc::Name name);
// The host, if `name` is its privileged port.
ExceptionTarget exception_target_host(Thread& self, Handle<ipc::Space> space, ipc::Name name);

// Inside the transaction of who has the right, or wants them. `port`: one send right of the caller's, which
// stays the caller's; kRightNull, kRightDead. KERN_SUCCESS, KERN_INVALID_ARGUMENT, or KERN_FAILURE if the
// target is ending; on failure nothing has changed. Needs: ipc::kActionNeeds.
kern_return_t exception_ports_store(Txn& txn, const ExceptionTarget& target, const ipc::ActionChange& change,
                                    uint32_t port);
kern_return_t exception_ports_exchange(Txn& txn, const ExceptionTarget& target,
                                       const ipc::ActionChange& change, uint32_t port, ipc::ActionList& old);
kern_return_t exception_ports_list(Txn& txn, const ExceptionTarget& target, uint32_t mask, ipc::Rights rights,
                                   ipc::ActionList& list);

// The same with names in a space: `name` is one of a send right, which is copied; the others get what was
// there, in the order of the list. Also MACH_SEND_INVALID_RIGHT, KERN_NO_SPACE, KERN_INVALID_TASK,
// KERN_RESOURCE_SHORTAGE, with nothing changed.
kern_return_t exception_ports_set(Thread& self, const ExceptionTarget& target, Handle<ipc::Space> space,
                                  const ipc::ActionChange& change, mach_port_name_t name);
kern_return_t exception_ports_swap(Thread& self, const ExceptionTarget& target, Handle<ipc::Space> space,
                                   const ipc::ActionChange& change, mach_port_name_t name,
                                   ipc::ActionList& old, mach_port_name_t* names);
kern_return_t exception_ports_get(Thread& self, const ExceptionTarget& target, Handle<ipc::Space> space,
                                  uint32_t mask, ipc::ActionList& list, mach_port_name_t* names);

}  // namespace portolan
