// SPDX-License-Identifier: Apache-2.0
// Tasks come to be: a process joins, or claims what its parent made for it.
//
// If we die here: each function is one transaction. An embryo that nobody claims is found by whoever reaps,
// by its state.
#include "ipc/actions.hpp"
#include "segment/futex.hpp"
#include "segment/raw.hpp"
#include "task/task_internal.hpp"

namespace portolan {

using namespace task_detail;

namespace {

constexpr uint32_t kTaskControl = 2;  // IKOT_TASK_CONTROL
constexpr int kHost = 2, kBootstrap = 4, kAccess = 9;
constexpr int kInherited[] = {kBootstrap, kAccess};

// An element fresh from the magazine, locked: whoever goes through all tasks may look at it already. Its
// state is the last thing that the caller sets.
Handle<Task> blank(Txn& txn) {
  const Handle<Task> handle = txn.allocate<Task>();
  Task& task = txn.segment().at(handle);
  txn.acquire(task.lock);
  task.state.init(ipc::kTaskFree);
  crash_fence();
  for (Cell<uint32_t>* cell :
       {&task.link, &task.work, &task.space, &task.port, &task.name_port, &task.parent, &task.threads,
        &task.embryo_next, &task.flags, &task.semaphores, &task.job, &task.actions, &task.credentials.uid,
        &task.credentials.gid, &task.credentials.ruid, &task.credentials.rgid, &task.credentials.pid,
        &task.credentials.pid_version})
    cell->init(0);
  for (Cell<uint32_t>& port : task.special) port.init(kRightNull);
  for (Cell<uint32_t>& port : task.registered) port.init(kRightNull);
  task.start_time.init(0);
  task.nonce.init(0);
  task.joined_ns.init(0);
  raw_clear(task.program, sizeof task.program);
  return handle;
}

// The job that launchd made this process for: noted there before the process was let go (bootstrap 9.1).
Handle<ipc::Job> job_of(const Segment& segment, const ProcessFacts& facts) {
  for (uint32_t i = 1; i < segment.carved(ipc::kZoneJob); i++) {
    const ipc::Job& job = segment.at(Handle<ipc::Job>{i});
    if (job.state == ipc::kJobLive && job.pid == facts.pid && job.process_start == facts.start_time)
      return {i};
  }
  return {};
}

// Where a task begins that inherits from nobody: in its job's namespace, or the root.
Handle<ipc::Subset> first_namespace(Txn& txn, Handle<ipc::Job> job) {
  const uint32_t root = txn.segment().header().roots[ipc::kRootBootstrap];
  if (!job) return {root};
  const uint32_t home = txn.lock(job)->subset;
  return {home != 0 ? home : root};
}

// What a child gets of its parent's (tasks 1.2).
void inherit(Txn& txn, Task& child, Target<Task> from, Handle<ipc::Job> job = {}) {
  if (from) {
    Locked<Task> parent = txn.lock(from);
    if (parent->state == ipc::kTaskLive) {
      for (const int which : kInherited)
        txn.set(child.special[which], copy_held(txn, parent->special[which]));
      for (unsigned i = 0; i < ipc::kRegisteredPorts; i++)
        txn.set(child.registered[i], copy_held(txn, parent->registered[i]));
      if (parent->actions != 0)
        txn.set(child.actions, ipc::actions_copy(txn, Handle<ipc::Actions>{parent->actions}).index);
      txn.set(child.parent, from.handle.index);
      return;
    }
  }
  const Handle<ipc::Subset> home = first_namespace(txn, job);
  if (home) txn.set(child.special[kBootstrap], make_held(txn, Handle<Port>{txn.segment().at(home).port}));
}

void stamp(Txn& txn, Task& task, const ProcessFacts& facts) {
  ipc::Sender& sender = task.credentials;
  txn.set(sender.uid, facts.uid);
  txn.set(sender.gid, facts.gid);
  txn.set(sender.ruid, facts.ruid);
  txn.set(sender.rgid, facts.rgid);
  txn.set(sender.pid, facts.pid);
  txn.set(sender.pid_version, static_cast<uint32_t>(txn.new_identity()));
  txn.set(task.start_time, facts.start_time);
  const auto& roots = txn.segment().header().roots;
  const uint32_t host = roots[facts.uid == 0 ? ipc::kRootHostPrivPort : ipc::kRootHostPort];
  txn.set(task.special[kHost], make_held(txn, Handle<Port>{host}));
}

bool same(const Locked<Task>& embryo, uint64_t nonce) {
  return embryo->state == ipc::kTaskEmbryo && (nonce == 0 || embryo->nonce == nonce);
}

bool plausible(Thread& self, Handle<Task> task) {
  return self.segment().plausible(ipc::kZoneTask, task.index);
}

}  // namespace

kern_return_t task_create(Thread& self, const ProcessFacts& facts, const Inheritance& from,
                          Handle<Task>& result) {
  if (!ipc::space_reserve(self)) return KERN_RESOURCE_SHORTAGE;
  const uint64_t now = monotonic_ns();
  const Handle<ipc::Job> job = job_of(self.segment(), facts);
  const bool may_claim = plausible(self, from.embryo) && from.nonce != 0;
  return transact(self, Needs{}.with<Task>().with<Space>().with<Port>().with<ipc::Actions>(), [&](Txn& txn) {
    Handle<Task> handle;
    if (may_claim) {
      Locked<Task> embryo = txn.lock(from.embryo);
      if (same(embryo, from.nonce)) handle = from.embryo;
    }
    if (!handle) {
      handle = blank(txn);
      inherit(txn, txn.segment().at(handle), from.parent, job);
    }
    Task& task = txn.segment().at(handle);
    stamp(txn, task, facts);
    raw_copy(task.program, facts.program, sizeof task.program);
    const auto seed = static_cast<uint32_t>(now ^ now >> 32 ^ uint64_t{facts.pid} << 16);
    txn.set(task.space, ipc::space_make(txn, handle, seed).index);
    txn.set(task.port, ipc::kobject_port_make(txn, kTaskControl, handle.index).index);
    txn.set(task.nonce, 0);
    txn.set(task.job, job.index);
    txn.set(task.joined_ns, now);
    txn.set(task.state, ipc::kTaskLive);
    result = handle;
    return KERN_SUCCESS;
  });
}

kern_return_t embryo_make(Thread& self, Handle<Task> parent, uint64_t nonce, uint32_t child_pid,
                          Handle<Task>& embryo) {
  const uint64_t now = monotonic_ns();
  return transact(self, Needs{}.with<Task>().with<ipc::Actions>(), [&](Txn& txn) {
    embryo = blank(txn);
    Task& task = txn.segment().at(embryo);
    inherit(txn, task, parent);
    task.nonce.init(nonce);
    task.joined_ns.init(now);
    task.credentials.pid.init(child_pid);
    crash_fence();
    txn.set(task.state, ipc::kTaskEmbryo);
    return KERN_SUCCESS;
  });
}

void embryo_set_pid(Thread& self, Handle<Task> handle, uint64_t nonce, uint32_t child_pid) {
  transact(self, Needs{}, [&](Txn& txn) {
    Locked<Task> embryo = txn.lock(handle);
    if (same(embryo, nonce)) txn.set(embryo->credentials.pid, child_pid);
    return 0;
  });
}

void embryo_free(Thread& self, Handle<Task> handle, uint64_t nonce) {
  transact(self, Needs{}, [&](Txn& txn) {
    Locked<Task> embryo = txn.lock(handle);
    if (!same(embryo, nonce)) return 0;
    txn.set(embryo->state, ipc::kTaskDying);
    txn.push_work(handle);
    return 0;
  });
}

Target<Task> task_of_pid(const Segment& segment, uint32_t pid) {
  Target<Task> found;
  uint64_t latest = 0;
  for (uint32_t i = 1; pid != 0 && i < segment.carved(ipc::kZoneTask); i++) {
    const Task& task = segment.at(Handle<Task>{i});
    const Target<Task> target(segment.ref_of(task));
    const uint64_t joined = task.joined_ns;
    if (task.state != ipc::kTaskLive || task.credentials.pid != pid || joined < latest) continue;
    if (segment.is_gone(target)) continue;
    found = target;
    latest = joined;
  }
  return found;
}

}  // namespace portolan
