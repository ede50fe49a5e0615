// SPDX-License-Identifier: Apache-2.0
// The memory of a task, the calling process's own or another's: what the mach_vm calls and messages do (tasks
// 5).
//
// Linux lets a process read and write another's memory, if it may trace it, but not change what is mapped
// there: that is KERN_NOT_SUPPORTED, as is everything where Linux forbids even looking. No locks; nothing in
// the segment changes.
#pragma once

#include <mach/vm_region.h>

#include "ipc/objects.hpp"
#include "vm/address_space.hpp"

namespace portolan::vm {

class TaskMemory {
 public:
  TaskMemory() = default;
  TaskMemory(const Segment& segment, Target<ipc::Task> task, bool own)
      : segment_(&segment),
        task_(task),
        pid_(segment.at(task.handle).credentials.pid),
        started_(segment.at(task.handle).start_time),
        own_(own) {}

  kern_return_t allocate(uint64_t& address, uint64_t size, int flags) const {
    return own_ ? vm::allocate(*segment_, address, size, flags) : KERN_NOT_SUPPORTED;
  }
  kern_return_t deallocate(uint64_t address, uint64_t size) const {
    return own_ ? vm::deallocate(*segment_, address, size) : KERN_NOT_SUPPORTED;
  }
  kern_return_t protect(uint64_t address, uint64_t size, bool set_maximum, vm_prot_t protection) const {
    return own_ ? vm::protect(*segment_, address, size, set_maximum, protection) : KERN_NOT_SUPPORTED;
  }

  // A copy in memory of the caller's, at `data`.
  kern_return_t read(uint64_t address, uint64_t size, uint64_t& data) const;
  // To and from addresses of the caller's.
  kern_return_t read_overwrite(uint64_t from, uint64_t size, uint64_t to) const;
  kern_return_t write(uint64_t to, uint64_t from, uint64_t size) const;
  // From one place of the task to another.
  kern_return_t copy(uint64_t from, uint64_t size, uint64_t to) const;

  // The region that contains the address, or the next above (tasks 5.5).
  kern_return_t region(uint64_t& address, uint64_t& size, vm_region_flavor_t flavor,
                       mach_msg_type_number_t room, vm_region_basic_info_data_64_t& info) const;

 private:
  kern_return_t other_look(uint64_t address, uint64_t size, int access) const;
  kern_return_t other_move(bool in, uint64_t theirs, uint64_t ours, uint64_t size) const;
  bool gone() const;

  const Segment* segment_ = nullptr;
  Target<ipc::Task> task_;
  uint32_t pid_ = 0;  // its process, if the task is still the same: see gone()
  uint64_t started_ = 0;
  bool own_ = false;
};

}  // namespace portolan::vm
