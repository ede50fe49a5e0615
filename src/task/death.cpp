// SPDX-License-Identifier: Apache-2.0
// Tasks end, in bounded steps on somebody's work list (tasks 1.9): first the semaphores, then the space, with
// all that its rights bring about; then the ports in the task's keeping; the control port last, so that its
// death is a reliable notice.
//
// If we die here: the task is on our work list, and its own fields say what is left: a step that is done
// leaves 0 behind.
#include "ipc/semaphore.hpp"
#include "segment/recovery.hpp"
#include "task/task_internal.hpp"

namespace portolan {

using namespace task_detail;

namespace {

constexpr int kInspect = 5, kRead = 6;  // these slots hold ports of the task's own

void to_the_back(Txn& txn, Handle<Task> handle) {
  txn.pop_work();
  txn.push_work(handle);
}

// Is there anything on the list that should be over before a task goes on? Looks at a few items only.
bool others_first(Txn& txn) {
  const Segment& segment = txn.segment();
  uint32_t item = txn.self().slot().work_head;
  for (unsigned i = 0; i < 16 && item != 0; i++) {
    if (work_zone(item) != ipc::kZoneTask) return true;
    item = segment.element(work_zone(item), work_index(item)).work;
  }
  return false;
}

void destroy_kernel_port(Txn& txn, Locked<Task>& task, Cell<uint32_t>& cell) {
  Locked<Port> port = txn.lock(Handle<Port>{cell});
  ipc::kobject_port_destroy(txn, port, task->credentials.pid);
  txn.set(cell, 0);
}

// One of the rights in the task's keeping; false when there are none left.
bool release_one(Txn& txn, Locked<Task>& task) {
  for (int which = 0; which < static_cast<int>(ipc::kSpecialPorts); which++) {
    Cell<uint32_t>& cell = task->special[which];
    if (cell == kRightNull) continue;
    const uint32_t held = cell;
    ipc::naked_destroy(txn, send_right(held));
    if (which == kInspect || which == kRead)
      destroy_kernel_port(txn, task, cell);
    else
      txn.set(cell, kRightNull);
    return true;
  }
  for (Cell<uint32_t>& cell : task->registered) {
    if (cell == kRightNull) continue;
    ipc::naked_destroy(txn, send_right(cell));
    txn.set(cell, kRightNull);
    return true;
  }
  if (task->actions != 0) {
    txn.push_work(Handle<ipc::Actions>{task->actions});
    txn.set(task->actions, 0);
    return true;
  }
  return false;
}

}  // namespace

void task_terminate(Thread& self, Ref<Task> ref) {
  transact(self, Needs{}, [&](Txn& txn) {
    Locked<Task> task = txn.lock(ref);
    if (!task || task->state != ipc::kTaskLive) return 0;
    txn.set(task->state, ipc::kTaskDying);
    txn.push_work(task.handle());
    return 0;
  });
}

bool task_reap_step(Thread& self, Handle<Task> handle) {
  if (self.segment().at(handle).semaphores != 0) {
    ipc::semaphores_end(self, handle);
    return true;
  }
  bool waits = false;
  const int code = transact(self, ipc::kDropNeeds, [&](Txn& txn) {
    waits = false;
    Locked<Task> task = txn.lock(handle);
    if (task->space != 0) {
      Locked<Space> space = txn.lock(Handle<Space>{task->space});
      txn.set(task->space, 0);
      ipc::space_destroy(txn, space);
      to_the_back(txn, handle);
      return 0;
    }
    txn.pop_work();
    if (others_first(txn)) {
      txn.push_work(handle);
      return 0;
    }
    if (release_one(txn, task)) {
      txn.push_work(handle);
      return 0;
    }
    if (task->threads != 0) {
      // A dead thread's slot still names this task: it is recovered first, by whoever claimed it.
      txn.push_work(handle);
      waits = true;
      return 0;
    }
    if (task->name_port != 0) destroy_kernel_port(txn, task, task->name_port);
    if (task->port != 0) destroy_kernel_port(txn, task, task->port);
    txn.set(task->state, ipc::kTaskFree);
    txn.release(handle);
    return 0;
  });
  return code == 0 && !waits;
}

void task_flag(Thread& self, Handle<Task> handle, uint32_t flags, bool on) {
  transact(self, Needs{}, [&](Txn& txn) {
    Locked<Task> task = txn.lock(handle);
    txn.set(task->flags, on ? task->flags | flags : task->flags & ~flags);
    return 0;
  });
}

void task_threads_dead(Thread& self, Ref<Task> ref) {
  Segment& segment = self.segment();
  for (uint32_t i = 1; i < segment.threads_high(); i++) {
    const ThreadSlot& slot = segment.slot(i);
    // In this order: as long as the task is the same, whoever belongs to it does so, and the word is of who
    // belongs to it.
    const uint32_t tid = slot.tid.load(std::memory_order_acquire);
    if (i == self.index() || tid == 0 || slot.state.load() == kSlotFree || slot.task != ref.index) continue;
    std::atomic_thread_fence(std::memory_order_seq_cst);
    if (segment.at(ref).generation != ref.generation) return;
    declare_dead(segment, i, tid);
  }
}

void task_bury_previous(Thread& self, uint32_t pid) {
  Segment& segment = self.segment();
  for (uint32_t i = 1; i < segment.carved(ipc::kZoneTask); i++) {
    const Task& candidate = segment.at(Handle<Task>{i});
    const Ref<Task> ref = segment.ref_of(candidate);
    if (candidate.state != ipc::kTaskLive || candidate.credentials.pid != pid) continue;
    const int theirs = transact(self, Needs{}, [&](Txn& txn) {
      Locked<Task> task = txn.lock(ref);
      if (!task || task->state != ipc::kTaskLive || task->credentials.pid != pid) return 0;
      txn.set(task->flags, task->flags | ipc::kTaskExecing);
      return 1;
    });
    if (theirs != 0) task_threads_dead(self, ref);
  }
}

}  // namespace portolan
