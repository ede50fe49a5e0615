// SPDX-License-Identifier: Apache-2.0
// The calls on tasks and threads: oneself, special and registered ports, other tasks by pid. Contracts are in
// include/mach/{mach_init,mach_traps,task,thread_act}.h.
#include <mach/mach_init.h>
#include <mach/mach_traps.h>
#include <mach/task.h>
#include <mach/task_special_ports.h>
#include <mach/thread_act.h>
#include <string.h>

#include "kobject/tables.hpp"
#include "task/info.hpp"
#include "traps/port_call.hpp"
#include "vm/region.hpp"

namespace portolan {
namespace {

// A task argument of any strength. Empty: KERN_INVALID_ARGUMENT.
Target<ipc::Task> task_argument(const Trap& trap, mach_port_name_t name, Strength least) {
  const Target<ipc::Task> task = trap.task_named(name);
  return task || least == Strength::control
             ? task
             : task_of_name(trap.thread(), trap.space(), ipc::Name{name}, least);
}

bool store(const Trap& trap, void* to, mach_port_name_t value) {
  return vm::OwnMemory(trap.thread().segment())
      .copy_out(reinterpret_cast<uint64_t>(to), &value, sizeof value);
}

// May the caller have this task's port? Everybody who can map the segment is of one user: the domain's owner.
kern_return_t task_by_pid(mach_port_name_t target, int pid, mach_port_name_t* out, int which) {
  const Trap trap;
  if (!trap.ok()) return KERN_FAILURE;
  mach_port_name_t name = MACH_PORT_NULL;
  kern_return_t code = KERN_FAILURE;
  const Target<ipc::Task> task = pid > 0 && trap.task_named(target)
                                     ? task_of_pid(trap.thread().segment(), static_cast<uint32_t>(pid))
                                     : Target<ipc::Task>{};
  if (task) code = task_get_special_port(trap.thread(), task, which, trap.space(), name);
  if (!store(trap, out, name)) return KERN_INVALID_ADDRESS;
  return trap.leave(code);
}

}  // namespace
}  // namespace portolan

using namespace portolan;

extern "C" {

mach_port_name_t mach_reply_port(void) {
  const Trap trap;
  ipc::Name name;
  if (trap.ok() &&
      ipc::port_allocate(trap.thread(), trap.space(), MACH_PORT_RIGHT_RECEIVE, name) != KERN_SUCCESS)
    name = ipc::Name{};
  return trap.leave(name.value);
}

mach_port_name_t task_self_trap(void) {
  const Trap trap;
  return trap.leave(trap.ok() ? task_self(trap.thread(), trap.task(), trap.space()) : MACH_PORT_NULL);
}

mach_port_name_t thread_self_trap(void) {
  const Trap trap;
  return trap.leave(trap.ok() ? thread_self(trap.thread(), trap.space()) : MACH_PORT_NULL);
}

mach_port_name_t host_self_trap(void) {
  const Trap trap;
  return trap.leave(trap.ok() ? host_self(trap.thread(), trap.task(), trap.space()) : MACH_PORT_NULL);
}

mach_port_t mach_thread_self(void) { return thread_self_trap(); }
mach_port_t mach_host_self(void) { return host_self_trap(); }

// The first call for a thread takes a reference, which stays: it stands for the one that Darwin's thread
// library keeps.
mach_port_t pthread_mach_thread_np(pthread_t thread) {
  const Trap trap;
  if (!trap.ok()) return MACH_PORT_NULL;
  Segment& segment = trap.thread().segment();
  for (uint32_t i = 1; i < segment.threads_high(); i++) {
    const ThreadSlot& slot = segment.slot(i);
    if (slot.task != trap.task().index || slot.pthread.load() != static_cast<uint64_t>(thread)) continue;
    if (slot.state.load() != kSlotLive || segment.is_dead(i)) continue;
    const Handle<ipc::Port> port = thread_port(trap.thread(), i);
    if (!port) return MACH_PORT_NULL;
    mach_port_name_t name = name_of_port(trap.thread(), trap.space(), port);
    if (name == MACH_PORT_NULL)
      kernel_port_copyout(trap.thread(), segment.ref_of(segment.at(port)), trap.space(), name);
    return trap.leave(name);
  }
  return MACH_PORT_NULL;
}

kern_return_t pid_for_task(mach_port_name_t t, int* x) {
  const Trap trap;
  int pid = -1;
  const Target<ipc::Task> task = trap.ok() ? task_argument(trap, t, Strength::name) : Target<ipc::Task>{};
  if (task) pid = static_cast<int>(trap.thread().segment().at(task.handle).credentials.pid.get());
  if (task && trap.thread().segment().is_gone(task)) return trap.leave(KERN_FAILURE);
  if (trap.ok() && !store(trap, x, static_cast<mach_port_name_t>(pid))) return KERN_INVALID_ADDRESS;
  return trap.leave(task ? KERN_SUCCESS : KERN_FAILURE);
}

kern_return_t task_for_pid(mach_port_name_t target_tport, int pid, mach_port_name_t* t) {
  return task_by_pid(target_tport, pid, t, TASK_KERNEL_PORT);
}

kern_return_t task_name_for_pid(mach_port_name_t target_tport, int pid, mach_port_name_t* tn) {
  return task_by_pid(target_tport, pid, tn, TASK_NAME_PORT);
}

kern_return_t task_get_special_port(task_inspect_t task, int which_port, mach_port_t* special_port) {
  const Trap trap;
  if (!trap.ok()) return MACH_SEND_INVALID_DEST;
  const Target<ipc::Task> target = task_argument(trap, task, Strength::inspect);
  if (!target) return not_a_task(trap, task, KERN_INVALID_ARGUMENT);
  mach_port_name_t name = MACH_PORT_NULL;
  const kern_return_t code =
      portolan::task_get_special_port(trap.thread(), target, which_port, trap.space(), name);
  if (code == KERN_SUCCESS && !store(trap, special_port, name)) return KERN_INVALID_ADDRESS;
  return trap.leave(code);
}

kern_return_t task_set_special_port(task_t task, int which_port, mach_port_t special_port) {
  const Trap trap;
  if (!trap.ok()) return MACH_SEND_INVALID_DEST;
  const Target<ipc::Task> target = trap.task_named(task);
  if (!target) return not_a_task(trap, task, KERN_INVALID_ARGUMENT);
  return trap.leave(
      portolan::task_set_special_port(trap.thread(), target, which_port, trap.space(), special_port));
}

kern_return_t task_terminate(task_t target_task) {
  const Trap trap;
  if (!trap.ok()) return MACH_SEND_INVALID_DEST;
  const Target<ipc::Task> target = trap.task_named(target_task);
  if (!target) return not_a_task(trap, target_task, KERN_INVALID_ARGUMENT);
  return trap.leave(task_kill(trap.thread().segment(), target));
}

kern_return_t task_info(task_name_t target_task, task_flavor_t flavor, task_info_t task_info_out,
                        mach_msg_type_number_t* task_info_outCnt) {
  const Trap trap;
  if (!trap.ok()) return MACH_SEND_INVALID_DEST;
  const Target<ipc::Task> target = task_argument(trap, target_task, Strength::name);
  if (!target) return not_a_task(trap, target_task, KERN_INVALID_ARGUMENT);
  vm::OwnMemory memory(trap.thread().segment());
  mach_msg_type_number_t count = 0;
  const auto count_at = reinterpret_cast<uint64_t>(task_info_outCnt);
  if (!memory.copy_in(&count, count_at, sizeof count)) return KERN_INVALID_ADDRESS;
  integer_t info[kTaskInfoWords];
  const kern_return_t code = task_describe(trap.thread().segment(), target, flavor, info, count);
  if (code != KERN_SUCCESS) return trap.leave(code);
  const bool stored =
      memory.copy_out(reinterpret_cast<uint64_t>(task_info_out), info, count * sizeof info[0]) &&
      memory.copy_out(count_at, &count, sizeof count);
  return trap.leave(stored ? KERN_SUCCESS : KERN_INVALID_ADDRESS);
}

kern_return_t task_threads(task_inspect_t target_task, thread_act_array_t* act_list,
                           mach_msg_type_number_t* act_listCnt) {
  const Trap trap;
  if (!trap.ok()) return MACH_SEND_INVALID_DEST;
  const Target<ipc::Task> target = task_argument(trap, target_task, Strength::inspect);
  if (!target) return not_a_task(trap, target_task, KERN_INVALID_ARGUMENT);
  vm::OutArray<mach_port_name_t> list;
  uint32_t count = 0;
  const kern_return_t code = kobject::task_thread_names(trap.thread(), target, trap.space(), list, count);
  if (code != KERN_SUCCESS) return trap.leave(code);
  vm::OwnMemory memory(trap.thread().segment());
  mach_port_name_t* names = list.take(count);
  const bool stored = memory.copy_out(reinterpret_cast<uint64_t>(act_list), &names, sizeof names) &&
                      memory.copy_out(reinterpret_cast<uint64_t>(act_listCnt), &count, sizeof count);
  return trap.leave(stored ? KERN_SUCCESS : KERN_INVALID_ADDRESS);
}

kern_return_t mach_ports_register(task_t target_task, mach_port_array_t init_port_set,
                                  mach_msg_type_number_t init_port_setCnt) {
  if (init_port_setCnt > ipc::kRegisteredPorts) return KERN_INVALID_ARGUMENT;
  const Trap trap;
  if (!trap.ok()) return MACH_SEND_INVALID_DEST;
  const Target<ipc::Task> target = trap.task_named(target_task);
  if (!target) return not_a_task(trap, target_task, KERN_INVALID_ARGUMENT);
  mach_port_name_t names[ipc::kRegisteredPorts] = {};
  vm::OwnMemory memory(trap.thread().segment());
  if (!memory.copy_in(names, reinterpret_cast<uint64_t>(init_port_set), init_port_setCnt * sizeof names[0]))
    return KERN_INVALID_ADDRESS;
  return trap.leave(task_ports_register(trap.thread(), target, trap.space(), names, init_port_setCnt));
}

kern_return_t mach_ports_lookup(task_t target_task, mach_port_array_t* init_port_set,
                                mach_msg_type_number_t* init_port_setCnt) {
  const Trap trap;
  if (!trap.ok()) return MACH_SEND_INVALID_DEST;
  const Target<ipc::Task> target = trap.task_named(target_task);
  if (!target) return not_a_task(trap, target_task, KERN_INVALID_ARGUMENT);
  auto* list = static_cast<mach_port_t*>(vm::map_for_receive(ipc::kRegisteredPorts * sizeof(mach_port_t)));
  if (list == nullptr) return KERN_RESOURCE_SHORTAGE;
  mach_port_name_t names[ipc::kRegisteredPorts] = {};
  kern_return_t code = task_ports_lookup(trap.thread(), target, trap.space(), names);
  vm::OwnMemory memory(trap.thread().segment());
  const mach_msg_type_number_t count = ipc::kRegisteredPorts;
  if (code == KERN_SUCCESS) {
    memcpy(list, names, sizeof names);
    if (!memory.copy_out(reinterpret_cast<uint64_t>(init_port_set), &list, sizeof list) ||
        !memory.copy_out(reinterpret_cast<uint64_t>(init_port_setCnt), &count, sizeof count))
      code = KERN_INVALID_ADDRESS;
  }
  if (code != KERN_SUCCESS) vm::unmap(list, ipc::kRegisteredPorts * sizeof(mach_port_t));
  return trap.leave(code);
}

kern_return_t thread_get_special_port(thread_inspect_t thr_act, int which_port, mach_port_t* special_port) {
  const Trap trap;
  if (!trap.ok()) return MACH_SEND_INVALID_DEST;
  const uint32_t slot = thread_of_name(trap.thread(), trap.space(), ipc::Name{thr_act});
  if (slot == 0) return KERN_INVALID_ARGUMENT;
  if (which_port != THREAD_KERNEL_PORT) return KERN_INVALID_ARGUMENT;
  const Handle<ipc::Port> port = thread_port(trap.thread(), slot);
  if (!port) return KERN_FAILURE;
  mach_port_name_t name = MACH_PORT_NULL;
  const kern_return_t code = kernel_port_copyout(
      trap.thread(), trap.thread().segment().ref_of(trap.thread().segment().at(port)), trap.space(), name);
  if (code == KERN_SUCCESS && !store(trap, special_port, name)) return KERN_INVALID_ADDRESS;
  return trap.leave(code);
}

}  // extern "C"
