// SPDX-License-Identifier: Apache-2.0
// Who is over: decided from what Linux says, and then brought to its end. launchd's daily work; living tasks
// do it too where there is no launchd (KERNEL.md 8, 13, 15). Doubt means alive.
//
// A task is over when its process is gone; or when all its threads are dead and either it was about to exec,
// or its process does not map the domain any more. Holds no state between calls but what it was told, and may
// be killed after any line: all is found again in the segment.
#pragma once

#include <sys/types.h>

#include "task/task.hpp"

namespace portolan {

// Is any live task's process there? For who thinks of discarding a domain.
bool tasks_live(const Segment& segment);

// True: the process that had this pid and started at this time is gone, or is a zombie without threads.
// `start_time` 0: whoever has the pid.
bool process_gone(uint32_t pid, uint64_t start_time);
// Of /proc/PID/stat; false when it cannot be read.
bool process_times(uint32_t pid, uint32_t& parent, uint64_t& start_time);

// The file mapped at this address, as /proc/PID/maps names it: on some file systems otherwise than stat does.
// 0: none.
ino_t inode_mapped_at(const void* address);

struct Reaper {
  // The segment's file as the maps name it, to tell whether a process still maps it; 0: that question is
  // never asked.
  ino_t inode = 0;
  // Called for each dead task before it is terminated.
  void (*corpse)(Thread& self, Handle<ipc::Task> task) = nullptr;

  struct Census {
    unsigned tasks = 0, embryos = 0, dying = 0, ended = 0;
  };
  // One round over all threads, tasks and embryos.
  Census round(Thread& self) const;

 private:
  bool is_over(Thread& self, Ref<ipc::Task> task) const;
  void sweep_slots(Thread& self) const;
};

}  // namespace portolan
