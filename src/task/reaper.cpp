// SPDX-License-Identifier: Apache-2.0
#include "task/reaper.hpp"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "segment/futex.hpp"
#include "segment/no_cancel.hpp"
#include "segment/recovery.hpp"
#include "segment/text.hpp"

#ifndef SYS_pidfd_open
#define SYS_pidfd_open 434
#endif

namespace portolan {

using ipc::Task;

namespace {

struct Path {
  char text[64];
  Path(uint32_t pid, const char* file) { Text(text) << "/proc/" << uint64_t{pid} << "/" << file; }
};

// Ready exactly when the last thread of the process is gone, reaped or not.
bool exited(uint32_t pid, bool& known) {
  const NoCancel no_cancel;
  const int fd = static_cast<int>(syscall(SYS_pidfd_open, pid, 0));
  if (fd < 0) {
    known = errno == ESRCH;
    return errno == ESRCH;
  }
  pollfd poll_fd{fd, POLLIN, 0};
  const int ready = poll(&poll_fd, 1, 0);
  close(fd);
  known = ready >= 0;
  return ready == 1;
}

// Reads a whole file of lines through a small buffer, until `match` likes one. -1: it cannot be read, or is
// empty.
template <class Match>
int any_line(const char* path, Match match) {
  const NoCancel no_cancel;
  const int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return -1;
  char buffer[4096];
  size_t kept = 0;
  int found = -1;
  for (;;) {
    const ssize_t got = read(fd, buffer + kept, sizeof buffer - 1 - kept);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) found = -1;
    if (got <= 0) break;
    found = 0;
    const size_t length = kept + static_cast<size_t>(got);
    buffer[length] = 0;
    char* line = buffer;
    while (char* end = strchr(line, '\n')) {
      *end = 0;
      if (match(line)) found = 1;
      line = end + 1;
    }
    if (found != 0) break;
    kept = strlen(line);
    if (kept >= sizeof buffer - 1) kept = 0;  // no line that we look for is so long
    memmove(buffer, line, kept);
  }
  close(fd);
  return found;
}

// Of a line "start-end rights offset device inode path"; 0: none.
ino_t inode_in(const char* line) {
  for (unsigned field = 0; field < 4; field++) {
    line = strchr(line, ' ');
    if (line == nullptr) return 0;
    line++;
  }
  return strtoull(line, nullptr, 10);
}

// Does the process still map this file? Doubt means yes: some kernels show nothing once the first thread has
// ended.
bool maps_file(uint32_t pid, ino_t inode) {
  return any_line(Path(pid, "maps").text, [&](const char* line) { return inode_in(line) == inode; }) != 0;
}

bool slot_of(const ThreadSlot& slot, uint32_t task) {
  return slot.state.load() != kSlotFree && slot.task == task;
}

}  // namespace

bool process_times(uint32_t pid, uint32_t& parent, uint64_t& start_time) {
  const NoCancel no_cancel;
  char text[512];
  const int fd = open(Path(pid, "stat").text, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return false;
  const ssize_t length = read(fd, text, sizeof text - 1);
  close(fd);
  if (length <= 0) return false;
  text[length] = 0;
  char* at = strrchr(text, ')');  // the name may hold anything
  for (unsigned field = 2; at != nullptr && field < 22; field++) {
    at = strchr(at, ' ');
    if (at == nullptr) return false;
    at++;
    if (field == 3) parent = static_cast<uint32_t>(strtoul(at, nullptr, 10));
  }
  if (at == nullptr) return false;
  start_time = strtoull(at, nullptr, 10);
  return true;
}

bool process_gone(uint32_t pid, uint64_t start_time) {
  bool known = false;
  if (exited(pid, known)) return true;
  if (!known && kill(static_cast<pid_t>(pid), 0) != 0 && errno == ESRCH) return true;
  uint32_t parent = 0;
  uint64_t started = 0;
  return start_time != 0 && process_times(pid, parent, started) && started != start_time;
}

ino_t inode_mapped_at(const void* address) {
  ino_t inode = 0;
  any_line("/proc/self/maps", [&](const char* line) {
    if (strtoull(line, nullptr, 16) != reinterpret_cast<uintptr_t>(address)) return false;
    inode = inode_in(line);
    return true;
  });
  return inode;
}

bool tasks_live(const Segment& segment) {
  for (uint32_t i = 1; i < segment.carved(ipc::kZoneTask); i++) {
    const Task& task = segment.at(Handle<Task>{i});
    if (task.state == ipc::kTaskLive && !process_gone(task.credentials.pid, task.start_time)) return true;
  }
  return false;
}

bool Reaper::is_over(Thread& self, Ref<Task> ref) const {
  Segment& segment = self.segment();
  const Task& task = segment.at(ref);
  const uint32_t pid = task.credentials.pid;
  if (process_gone(pid, task.start_time)) {
    task_threads_dead(self, ref);
    recover_dead_threads(self);
    return true;
  }
  if (self.slot().task == ref.index) return false;
  for (uint32_t i = 1; i < segment.threads_high(); i++)
    if (slot_of(segment.slot(i), ref.index) && !segment.is_dead(i)) return false;
  // No thread of it is alive here: perhaps none has trapped yet, or the last one that did has ended.
  if ((task.flags & ipc::kTaskExecing) != 0) return true;
  return inode != 0 && !maps_file(pid, inode);
}

// Slots whose end nobody marked: the thread died before its word was on its list, or where it has no list.
void Reaper::sweep_slots(Thread& self) const {
  Segment& segment = self.segment();
  for (uint32_t i = 1; i < segment.threads_high(); i++) {
    ThreadSlot& slot = segment.slot(i);
    const uint32_t tid = slot.tid.load();
    const bool free = slot.state.load() == kSlotFree;
    if (i == self.index() || tid == 0 || (!free && segment.is_dead(i))) continue;
    if (syscall(SYS_tkill, tid, 0) == 0 || errno != ESRCH || slot.tid.load() != tid) continue;
    uint32_t gone = tid;
    if (free)
      slot.tid.compare_exchange(gone, 0);  // it died as it attached or detached
    else
      declare_dead(segment, i, tid);
  }
}

Reaper::Census Reaper::round(Thread& self) const {
  Census census;
  Segment& segment = self.segment();
  sweep_slots(self);
  recover_dead_threads(self);
  const uint64_t now = monotonic_ns();
  for (uint32_t i = 1; i < segment.carved(ipc::kZoneTask); i++) {
    const Handle<Task> handle{i};
    const Task& task = segment.at(handle);
    // Whoever looks at the same time may end it, and another task come to lie here.
    const Ref<Task> ref = segment.ref_of(task);
    switch (task.state) {
      case ipc::kTaskLive:
        if (!is_over(self, ref)) {
          census.tasks++;
          break;
        }
        if (corpse != nullptr) corpse(self, handle);
        task_terminate(self, ref);
        census.ended++;
        break;
      case ipc::kTaskEmbryo: {
        const uint32_t pid = task.credentials.pid;
        const uint64_t nonce = task.nonce;
        if (nonce == 0) break;  // it is being claimed
        if (pid != 0 ? process_gone(pid, 0) : now > task.joined_ns + kEmbryoPatience)
          embryo_free(self, handle, nonce);
        else
          census.embryos++;
        break;
      }
      case ipc::kTaskDying:
        census.dying++;
        break;
      default:
        break;
    }
  }
  settle(self);
  return census;
}

}  // namespace portolan
