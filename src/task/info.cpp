// SPDX-License-Identifier: Apache-2.0
#include "task/info.hpp"

#include <errno.h>
#include <fcntl.h>
#include <mach/policy.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "segment/keep_errno.hpp"
#include "segment/no_cancel.hpp"
#include "segment/text.hpp"
#include "task/reaper.hpp"

#ifndef SYS_pidfd_open
#define SYS_pidfd_open 434
#endif
#ifndef SYS_pidfd_send_signal
#define SYS_pidfd_send_signal 424
#endif

namespace portolan {

namespace {

using ipc::Task;

struct Usage {
  uint64_t size = 0, resident = 0, resident_max = 0;  // bytes
  uint64_t user = 0, system = 0;                      // clock ticks
};

// The whole of a file of /proc/PID, as a string; false when it cannot be read.
template <size_t N>
bool read_file(uint32_t pid, const char* name, char (&text)[N]) {
  char path[64];
  Text(path) << "/proc/" << uint64_t{pid} << "/" << name;
  // Straight to Linux: open and read are cancellation points.
  const long file = syscall(SYS_openat, AT_FDCWD, path, O_RDONLY | O_CLOEXEC);
  if (file < 0) return false;
  const long length = syscall(SYS_read, file, text, N - 1);
  syscall(SYS_close, file);
  text[length > 0 ? length : 0] = 0;
  return length > 0;
}

bool usage_of(uint32_t pid, Usage& usage) {
  char text[4096];
  if (!read_file(pid, "stat", text)) return false;
  char* at = strrchr(text, ')');  // the name may hold anything
  for (unsigned field = 2; at != nullptr && field < 24; field++) {
    at = strchr(at, ' ');
    if (at == nullptr) return false;
    const uint64_t value = strtoull(++at, nullptr, 10);
    switch (field + 1) {
      case 14:
        usage.user = value;
        break;
      case 15:
        usage.system = value;
        break;
      case 23:
        usage.size = value;
        break;
      case 24:
        usage.resident = value * kPage;
        break;
      default:
        break;
    }
  }
  usage.resident_max = usage.resident;
  if (!read_file(pid, "status", text)) return false;
  if (const char* most = strstr(text, "VmHWM:")) usage.resident_max = strtoull(most + 6, nullptr, 10) * 1024;
  return true;
}

time_value_t time_of(uint64_t ticks) {
  const auto hertz = static_cast<uint64_t>(sysconf(_SC_CLK_TCK));
  return {static_cast<integer_t>(ticks / hertz), static_cast<integer_t>(ticks % hertz * 1'000'000 / hertz)};
}

template <class T>
kern_return_t give(const T& value, integer_t* info, mach_msg_type_number_t& count) {
  constexpr mach_msg_type_number_t kWords = sizeof value / sizeof(integer_t);
  static_assert(kWords <= kTaskInfoWords);
  if (count < kWords) return KERN_INVALID_ARGUMENT;
  memcpy(info, &value, sizeof value);
  count = kWords;
  return KERN_SUCCESS;
}

template <class T>
T basic(const Usage& usage) {
  using Size = decltype(T::virtual_size);
  T value{};
  value.virtual_size = static_cast<Size>(usage.size);
  value.resident_size = static_cast<Size>(usage.resident);
  value.user_time = time_of(usage.user);
  value.system_time = time_of(usage.system);
  value.policy = POLICY_TIMESHARE;
  return value;
}

}  // namespace

kern_return_t task_describe(const Segment& segment, Target<Task> target, task_flavor_t flavor,
                            integer_t* info, mach_msg_type_number_t& count) {
  const KeepErrno keep;
  const Task& task = segment.at(target.handle);
  const ipc::Sender& s = task.credentials;
  const uint32_t pid = s.pid;
  const uint64_t started = task.start_time;
  const security_token_t security{{s.uid, s.gid}};
  const audit_token_t audit{{s.uid, s.uid, s.gid, s.ruid, s.rgid, pid, 0, s.pid_version}};
  if (segment.is_gone(target)) return KERN_INVALID_ARGUMENT;
  if (flavor == TASK_SECURITY_TOKEN) return give(security, info, count);
  if (flavor == TASK_AUDIT_TOKEN) return give(audit, info, count);
  Usage usage;
  const bool known = usage_of(pid, usage);
  if (process_gone(pid, started)) return KERN_INVALID_ARGUMENT;
  if (!known) return KERN_RESOURCE_SHORTAGE;  // no descriptor to look with: it lives all the same
  switch (flavor) {
    case TASK_BASIC_INFO_32:
      return give(basic<task_basic_info_32_data_t>(usage), info, count);
    case TASK_BASIC_INFO_64:
      return give(basic<task_basic_info_64_data_t>(usage), info, count);
    case MACH_TASK_BASIC_INFO: {
      auto value = basic<mach_task_basic_info_data_t>(usage);
      value.resident_size_max = usage.resident_max;
      return give(value, info, count);
    }
    default:
      return KERN_INVALID_ARGUMENT;
  }
}

kern_return_t task_kill(const Segment& segment, Target<Task> target) {
  const KeepErrno keep;
  const NoCancel no_cancel;
  const Task& task = segment.at(target.handle);
  const auto pid = static_cast<pid_t>(task.credentials.pid.get());
  const uint64_t started = task.start_time;
  if (segment.is_gone(target)) return KERN_INVALID_ARGUMENT;
  // A descriptor stands for this very process, whoever gets its number afterwards.
  const long process = syscall(SYS_pidfd_open, pid, 0);
  const bool unknown = process < 0 && errno == ENOSYS;
  if (process_gone(static_cast<uint32_t>(pid), started)) {
    if (process >= 0) close(static_cast<int>(process));
    return KERN_INVALID_ARGUMENT;
  }
  const bool killed = process >= 0 ? syscall(SYS_pidfd_send_signal, process, SIGKILL, nullptr, 0) == 0
                                   : unknown && kill(pid, SIGKILL) == 0;
  if (process >= 0) close(static_cast<int>(process));
  return killed ? KERN_SUCCESS : KERN_FAILURE;
}

}  // namespace portolan
