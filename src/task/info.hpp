// SPDX-License-Identifier: Apache-2.0
// What Linux says about the process behind a task, in Darwin's words, and its end. Reads /proc; no locks,
// changes nothing in the segment. A task whose process is gone counts as none.
#pragma once

#include <mach/kern_return.h>
#include <mach/task_info.h>

#include "ipc/objects.hpp"

namespace portolan {

inline constexpr uint32_t kTaskInfoWords = 16;  // of the largest flavor here

// task_info (tasks 1.8). `count`: room in words before, words used afterwards. KERN_SUCCESS or
// KERN_INVALID_ARGUMENT.
kern_return_t task_describe(const Segment& segment, Target<ipc::Task> task, task_flavor_t flavor,
                            integer_t* info, mach_msg_type_number_t& count);

// task_terminate: KERN_SUCCESS, KERN_INVALID_ARGUMENT, or KERN_FAILURE if it may not be killed.
kern_return_t task_kill(const Segment& segment, Target<ipc::Task> task);

}  // namespace portolan
