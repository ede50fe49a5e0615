// SPDX-License-Identifier: Apache-2.0
// Makes the record of a process, at its first call of poll under Darwin's profiles; a fork's child makes its
// own.
#include "darwin_poll/record.hpp"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "darwin_poll/profile.hpp"
#include "darwin_poll/real.hpp"
#include "darwin_poll/witness.hpp"

namespace portolan::darwin_poll {

namespace {

constinit std::atomic<Record*> g_record{nullptr};
constinit std::atomic<pid_t> g_claimed{0};  // who makes it, or has
constinit std::atomic<pid_t> g_owner{0};    // whose record this is, or who failed to make one
bool g_removed_at_exit = false;
char g_path[PATH_MAX];

// Field 22 of stat, after the program's name in brackets.
uint64_t start_of_process() {
  char text[1024] = {};
  const int fd = open("/proc/self/stat", O_RDONLY | O_CLOEXEC);
  if (fd < 0) return 0;
  const ssize_t length = read(fd, text, sizeof text - 1);
  real().close(fd);
  const char* at = length > 0 ? strrchr(text, ')') : nullptr;
  for (int field = 2; at != nullptr && field < 22; field++) at = strchr(at + 1, ' ');
  return at == nullptr ? 0 : strtoull(at, nullptr, 10);
}

// Somebody else's directory of that name is none of ours.
bool is_ours(const struct stat& status) { return S_ISDIR(status.st_mode) && status.st_uid == geteuid(); }

// The records of processes that died without a word.
void remove_dead(const char* directory) {
  const int fd = open(directory, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  if (fd < 0) return;
  struct stat status;
  DIR* list = fstat(fd, &status) == 0 && is_ours(status) ? fdopendir(fd) : nullptr;
  if (list == nullptr) {
    real().close(fd);
    return;
  }
  while (const dirent* entry = readdir(list)) {
    const int pid = atoi(entry->d_name);
    if (pid > 0 && kill(pid, 0) != 0 && errno == ESRCH) unlinkat(fd, entry->d_name, 0);
  }
  closedir(list);
}

// Programs that call portolan_darwin_poll() themselves are nobody's patients.
bool is_wanted() {
  return secure_getenv(kRecordVariable) != nullptr || secure_getenv(kProfileVariable) != nullptr;
}

bool choose_path() {
  char own[64];
  if (!is_wanted()) return false;
  const char* directory = secure_getenv(kRecordVariable);
  g_removed_at_exit = directory == nullptr || directory[0] == 0;
  if (g_removed_at_exit) {
    snprintf(own, sizeof own, "/dev/shm/portolan-poll-%u", geteuid());
    directory = own;
    if (mkdir(own, 0700) == 0) return snprintf(g_path, sizeof g_path, "%s/%d", own, getpid()) > 0;
    struct stat status;
    if (lstat(own, &status) != 0 || !is_ours(status)) return false;
  }
  return snprintf(g_path, sizeof g_path, "%s/%d", directory, getpid()) < static_cast<int>(sizeof g_path);
}

Record* make_record() {
  if (!choose_path()) return nullptr;
  unlink(g_path);  // of the program that this process was before exec
  const int fd = open(g_path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (fd < 0) return nullptr;
  void* memory = MAP_FAILED;
  if (posix_fallocate(fd, 0, sizeof(Record)) == 0)
    memory = mmap(nullptr, sizeof(Record), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  real().close(fd);
  if (memory == MAP_FAILED) {
    unlink(g_path);
    return nullptr;
  }
  auto* record = static_cast<Record*>(memory);
  record->pid = getpid();
  record->profile = portolan_poll_profile();
  snprintf(record->program, sizeof record->program, "%s", program_invocation_short_name);
  record->started = start_of_process();
  record->magic.store(kRecordMagic, std::memory_order_release);
  return record;
}

void remove_at_exit() {
  if (g_removed_at_exit && g_record.load() != nullptr && g_owner.load() == getpid()) unlink(g_path);
}

__attribute__((constructor)) void tidy() {
  if (secure_getenv(kProfileVariable) == nullptr || secure_getenv(kRecordVariable) != nullptr) return;
  char own[64];
  snprintf(own, sizeof own, "/dev/shm/portolan-poll-%u", geteuid());
  remove_dead(own);
}

__attribute__((destructor)) void leave() { remove_at_exit(); }

}  // namespace

// Who comes while another thread makes the record goes without: nobody waits here, and no fork finds a lock
// held. A fork's child has another pid, and makes its own; its parent's stays mapped in it, unused.
Record* own_record() {
  const pid_t self = getpid();
  if (__builtin_expect(g_owner.load(std::memory_order_acquire) == self, 1)) return g_record.load();
  pid_t before = g_claimed.load();
  if (before == self || !g_claimed.compare_exchange_strong(before, self)) return nullptr;
  const int saved = errno;
  g_record = make_record();
  errno = saved;
  g_owner.store(self, std::memory_order_release);
  return g_record.load();
}

}  // namespace portolan::darwin_poll
