// SPDX-License-Identifier: Apache-2.0
// Semaphores. Contracts are in include/mach/{semaphore,task,mach_traps}.h.
#include "ipc/semaphore.hpp"

#include <mach/mach_traps.h>
#include <mach/semaphore.h>
#include <mach/task.h>

#include "segment/futex.hpp"
#include "segment/txn.hpp"
#include "traps/port_call.hpp"
#include "traps/trap.hpp"

namespace portolan {
namespace {

using ipc::Name;
using ipc::SemaphoreWait;

kern_return_t wait_on(mach_port_name_t name, const SemaphoreWait& how) {
  const Trap trap;
  if (!trap.ok()) return KERN_INVALID_TASK;
  return trap.leave(ipc::semaphore_wait(trap.thread(), trap.space(), Name{name}, how));
}

// False: a time that there is not.
bool set_time(SemaphoreWait& how, unsigned sec, clock_res_t nsec) {
  const mach_timespec_t time{sec, nsec};
  if (BAD_MACH_TIMESPEC(&time)) return false;
  how.polls = sec == 0 && nsec == 0;
  how.deadline_ns = monotonic_ns() + sec * NSEC_PER_SEC + static_cast<uint64_t>(nsec);
  return true;
}

}  // namespace
}  // namespace portolan

using namespace portolan;

extern "C" {

kern_return_t semaphore_create(task_t task, semaphore_t* semaphore, int policy, int value) {
  PortCall call(task, NoTask::invalid_argument);
  if (call.code() != KERN_SUCCESS) return call.code();
  Name made;
  const kern_return_t code =
      ipc::semaphore_create(call.thread(), call.task(), call.own_space(), policy, value, made);
  return call.store(code, semaphore, made.value);
}

kern_return_t semaphore_destroy(task_t task, semaphore_t semaphore) {
  const PortCall call(task, NoTask::invalid_argument);
  if (call.code() != KERN_SUCCESS && call.code() != KERN_INVALID_ARGUMENT) return call.code();
  return ipc::semaphore_destroy(call.thread(), call.task(), call.own_space(), Name{semaphore});
}

kern_return_t semaphore_signal_trap(mach_port_name_t name) {
  const Trap trap;
  if (!trap.ok()) return KERN_INVALID_TASK;
  return trap.leave(ipc::semaphore_signal(trap.thread(), trap.space(), Name{name}));
}

kern_return_t semaphore_signal_all_trap(mach_port_name_t name) {
  const Trap trap;
  if (!trap.ok()) return KERN_INVALID_TASK;
  return trap.leave(ipc::semaphore_signal_all(trap.thread(), trap.space(), Name{name}));
}

kern_return_t semaphore_signal_thread_trap(mach_port_name_t name, mach_port_name_t thread) {
  const Trap trap;
  if (!trap.ok()) return KERN_INVALID_TASK;
  const uint32_t slot =
      thread == MACH_PORT_NULL ? 0 : thread_of_name(trap.thread(), trap.space(), Name{thread});
  if (thread != MACH_PORT_NULL && slot == 0) return trap.leave(KERN_INVALID_ARGUMENT);
  return trap.leave(ipc::semaphore_signal_thread(trap.thread(), trap.space(), Name{name}, slot));
}

kern_return_t semaphore_wait_trap(mach_port_name_t name) { return wait_on(name, {.deadline_ns = kNever}); }

kern_return_t semaphore_wait_signal_trap(mach_port_name_t name, mach_port_name_t signal) {
  return wait_on(name, {.deadline_ns = kNever, .signals = true, .signal = Name{signal}});
}

kern_return_t semaphore_timedwait_trap(mach_port_name_t name, unsigned int sec, clock_res_t nsec) {
  SemaphoreWait how{};
  return set_time(how, sec, nsec) ? wait_on(name, how) : KERN_INVALID_VALUE;
}

kern_return_t semaphore_timedwait_signal_trap(mach_port_name_t name, mach_port_name_t signal,
                                              unsigned int sec, clock_res_t nsec) {
  SemaphoreWait how{};
  how.signals = true;
  how.signal = Name{signal};
  return set_time(how, sec, nsec) ? wait_on(name, how) : KERN_INVALID_VALUE;
}

kern_return_t semaphore_signal(semaphore_t semaphore) { return semaphore_signal_trap(semaphore); }
kern_return_t semaphore_signal_all(semaphore_t semaphore) { return semaphore_signal_all_trap(semaphore); }
kern_return_t semaphore_signal_thread(semaphore_t semaphore, thread_t thread) {
  return semaphore_signal_thread_trap(semaphore, thread);
}
kern_return_t semaphore_wait(semaphore_t semaphore) { return semaphore_wait_trap(semaphore); }
kern_return_t semaphore_wait_signal(semaphore_t wait_semaphore, semaphore_t signal_semaphore) {
  return semaphore_wait_signal_trap(wait_semaphore, signal_semaphore);
}
kern_return_t semaphore_timedwait(semaphore_t semaphore, mach_timespec_t wait_time) {
  return semaphore_timedwait_trap(semaphore, wait_time.tv_sec, wait_time.tv_nsec);
}
kern_return_t semaphore_timedwait_signal(semaphore_t wait_semaphore, semaphore_t signal_semaphore,
                                         mach_timespec_t wait_time) {
  return semaphore_timedwait_signal_trap(wait_semaphore, signal_semaphore, wait_time.tv_sec,
                                         wait_time.tv_nsec);
}

}  // extern "C"
