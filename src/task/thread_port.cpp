// SPDX-License-Identifier: Apache-2.0
// Threads of a task: their number, and their ports. A thread slot's `task`, `kernel_port` and `actions`
// belong to the lock of its task, so that another thread may ask for a thread's port, or set what it does
// about exceptions.
//
// If we die here: each function is one transaction, and ending a thread can be done again.
#include "task/task_internal.hpp"

namespace portolan {

using namespace task_detail;

namespace {
constexpr uint32_t kThreadControl = 1;  // IKOT_THREAD_CONTROL
}

bool task_thread_attach(Thread& self, Handle<Task> handle) {
  return transact(self, Needs{}, [&](Txn& txn) {
           Locked<Task> task = txn.lock(handle);
           if (task->state != ipc::kTaskLive) return KERN_TERMINATED;
           txn.add(task->threads, 1);
           txn.set(self.slot().task, handle.index);
           return KERN_SUCCESS;
         }) == KERN_SUCCESS;
}

void task_finish_thread(Thread& self, ThreadSlot& victim) {
  const Segment& segment = self.segment();
  transact(self, Needs{}, [&](Txn& txn) {
    const Handle<Task> handle{victim.task};
    if (!segment.plausible(ipc::kZoneTask, handle.index)) return 0;
    Locked<Task> task = txn.lock(handle);
    if (victim.task != handle.index) return 0;
    const Handle<Port> port{victim.kernel_port};
    if (segment.plausible(ipc::kZonePort, port.index)) {
      Locked<Port> locked = txn.lock(port);
      ipc::kobject_port_destroy(txn, locked, task->credentials.pid);
      txn.set(victim.kernel_port, 0);
    }
    if (segment.plausible(ipc::kZoneActions, victim.actions)) {
      txn.push_work(Handle<ipc::Actions>{victim.actions});
      txn.set(victim.actions, 0);
    }
    if (task->threads != 0) txn.add(task->threads, static_cast<uint32_t>(-1));
    txn.set(victim.task, 0);
    return 0;
  });
}

Handle<Port> thread_port(Thread& self, uint32_t slot_index) {
  ThreadSlot& slot = self.segment().slot(slot_index);
  Handle<Port> port;
  transact(self, Needs{}.with<Port>(), [&](Txn& txn) {
    port = {};
    const Handle<Task> handle{slot.task};
    if (!self.segment().plausible(ipc::kZoneTask, handle.index)) return 0;
    txn.acquire(self.segment().at(handle).lock);
    if (slot.task != handle.index) return 0;
    if (slot.kernel_port == 0)
      txn.set(slot.kernel_port, ipc::kobject_port_make(txn, kThreadControl, slot_index).index);
    port = Handle<Port>{slot.kernel_port};
    return 0;
  });
  return port;
}

}  // namespace portolan
