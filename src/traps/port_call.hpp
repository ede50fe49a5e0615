// SPDX-License-Identifier: Apache-2.0
// What the mach_port calls share: the trap, the task argument turned into a space, and arguments that are
// pointers.
#pragma once

#include "ipc/mach_port.hpp"
#include "task/task.hpp"
#include "traps/trap.hpp"
#include "vm/own_memory.hpp"

namespace portolan {

// What a call answers to a port that is no task's (ports 6.1).
enum class NoTask : kern_return_t {
  invalid_task = KERN_INVALID_TASK,
  invalid_argument = KERN_INVALID_ARGUMENT
};

// The answer to a name that stands for no task: what a message to it would be answered with, or, if one can
// be sent, what its receiver in the kernel says.
kern_return_t not_a_task(const Trap& trap, mach_port_name_t name, kern_return_t otherwise);

class PortCall {
 public:
  // `task` must be at least as strong as `least` (ports 6.1).
  explicit PortCall(mach_port_name_t task, NoTask otherwise = NoTask::invalid_task,
                    Strength least = Strength::control);

  // KERN_SUCCESS, or what the call returns without having done anything.
  kern_return_t code() const { return code_; }
  Thread& thread() const { return trap_.thread(); }
  // The task and the space that the call is about, and the caller's own.
  Target<ipc::Task> task() const { return task_; }
  Target<ipc::Space> space() const { return space_; }
  Handle<ipc::Space> own_space() const { return trap_.space(); }
  vm::OwnMemory& memory() { return memory_; }

  template <class T>
  bool load(T& value, const void* from) {
    return memory_.copy_in(&value, reinterpret_cast<uint64_t>(from), sizeof value);
  }
  // Stores a result. What was done stays done when it cannot be stored: the right exists, its name is lost
  // (ports 6.2).
  template <class T>
  kern_return_t store(kern_return_t code, void* to, const T& value) {
    if (code != KERN_SUCCESS) return code;
    return memory_.copy_out(reinterpret_cast<uint64_t>(to), &value, sizeof value) ? KERN_SUCCESS
                                                                                  : KERN_INVALID_ADDRESS;
  }

 private:
  Trap trap_;
  vm::OwnMemory memory_;
  Target<ipc::Task> task_;
  Target<ipc::Space> space_;
  kern_return_t code_ = KERN_SUCCESS;
};

}  // namespace portolan
