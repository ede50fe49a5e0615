// SPDX-License-Identifier: Apache-2.0
// One entry into the kernel from a public C function: the only way in for a program's threads.
//
//   Trap trap;                                     // joins or attaches if need be, marks the section, opens
//   the guard if (!trap.ok()) return KERN_TERMINATED;        // or MACH_SEND_INVALID_DEST …: no domain, or
//   the domain is lost return trap.leave(ipc::x(trap.thread(), trap.space(), …));
//
// While a Trap lives, handlers of asynchronous signals are deferred to its end (KERNEL.md 12); one that
// arrives changes the thread's interrupt word, so that an interruptible wait ends at once, leaves its list
// and returns `interrupted`. The handler then runs from ~Trap, outside any section, where it may trap itself
// or jump away. So a caller that restarts an interrupted call does so with a new Trap.
//
// The destructor settles what is owed, closes the guard, and only then lets deferred signals through. Who
// wants the current code in errno-like variables copies it out before. Not for kernel code: that is handed a
// Thread&.
#pragma once

#include "ipc/objects.hpp"
#include "task/task.hpp"
#include "traps/runtime.hpp"

namespace portolan {

class Trap {
 public:
  Trap();
  ~Trap();
  Trap(const Trap&) = delete;
  Trap& operator=(const Trap&) = delete;

  // False: this process is in no domain, or its domain is lost, or a handler makes this trap on top of
  // another that is in the middle of something. Nothing but `leave` may be called then.
  bool ok() const { return ok_; }

  Thread& thread() const { return context_.thread; }
  Handle<ipc::Task> task() const { return g_process->task; }
  Handle<ipc::Space> space() const { return g_process->space; }

  // The task that a name in the caller's space denotes, if it is a port of one that
  // is not ending, at least as strong as asked; empty otherwise. For one's own task that is two loads.
  Target<ipc::Task> task_named(mach_port_name_t name, Strength least = Strength::control) const;
  // Its space; empty for none, or for one that has none any more.
  Target<ipc::Space> space_of(Target<ipc::Task> task) const;

  // The one place where every trap ends: the name is for the trace points to come.
  template <class Code>
  Code leave(Code code) const {
    return code;
  }

 private:
  void enter();
  bool nest();
  ThreadContext& context_;
  uint32_t rights_ = 0;      // of the guard, as they were
  uint32_t outer_ = 0;       // section depth before
  uint32_t seen_below_ = 0;  // what the trap below, asleep, had seen of its signals
  bool ok_ = false;
};

// Recording of the stack that acquires what a trap acquires; set by the recorder, called at trap entry when
// the domain or the environment asks for sites. The answer goes to Thread::site.
extern uint32_t (*g_record_site)(Thread& self);

}  // namespace portolan
