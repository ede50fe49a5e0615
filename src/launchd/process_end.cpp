// SPDX-License-Identifier: Apache-2.0
#include "launchd/process_end.hpp"

#include <errno.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>
#include <sstream>
#include <string>

#include "task/reaper.hpp"

#ifndef SYS_pidfd_open
#define SYS_pidfd_open 434
#endif
#ifndef SYS_pidfd_send_signal
#define SYS_pidfd_send_signal 424
#endif

namespace portolan::launchd {

namespace {

// As linux/pidfd.h has it since Linux 6.15; the C library's copy may be older.
struct PidfdInfo {
  uint64_t mask;
  uint64_t cgroup;
  uint32_t pid, tgid, ppid;
  uint32_t ids[8];
  int32_t exit_code;
};
static_assert(sizeof(PidfdInfo) == 64);
constexpr uint64_t kInfoExit = 1 << 3;

// Of a process that has ended and waits for its parent, as /proc shows it to its own user.
std::optional<uint32_t> zombie_status(pid_t pid) {
  constexpr int kState = 3, kExitCode = 52;  // fields of stat; the name, in brackets, may hold anything
  const std::string path = "/proc/" + std::to_string(pid) + "/stat";
  struct stat owner {};
  if (stat(path.c_str(), &owner) != 0 || (geteuid() != 0 && owner.st_uid != geteuid())) return {};
  std::ifstream file(path);
  std::string text;
  std::getline(file, text);
  const size_t bracket = text.rfind(')');
  if (bracket == std::string::npos) return {};
  std::istringstream fields(text.substr(bracket + 1));
  std::string field;
  for (int i = kState; fields >> field; i++) {
    if (i == kState && field != "Z") return {};
    if (i == kExitCode) return static_cast<uint32_t>(std::stoul(field));
  }
  return {};
}

int open_pidfd(pid_t pid) { return static_cast<int>(syscall(SYS_pidfd_open, pid, 0)); }

}  // namespace

uint64_t process_start(pid_t pid) {
  uint32_t parent = 0;
  uint64_t start = 0;
  return process_times(static_cast<uint32_t>(pid), parent, start) ? start : 0;
}

files::Descriptor open_process(pid_t pid, uint64_t start) {
  files::Descriptor process(open_pidfd(pid));
  if (process && start != 0 && process_start(pid) != start) process.reset();
  return process;
}

std::optional<uint32_t> exit_status(pid_t pid, const files::Descriptor& process) {
  int status = 0;
  const pid_t reaped = waitpid(pid, &status, WNOHANG);
  if (reaped == pid) return static_cast<uint32_t>(status);
  PidfdInfo info{};
  info.mask = kInfoExit;
  if (process && ioctl(process.get(), _IOWR(0xff, 11, PidfdInfo), &info) == 0 && (info.mask & kInfoExit) != 0)
    return static_cast<uint32_t>(info.exit_code);
  return zombie_status(pid);
}

void signal_process(const files::Descriptor& process, int signal) {
  if (process) syscall(SYS_pidfd_send_signal, process.get(), signal, nullptr, 0);
}

void signal_group(pid_t pid, int signal, bool child) {
  if (!child) {
    const files::Descriptor other(open_pidfd(pid));
    if (other || errno != ESRCH) return;
  }
  kill(-pid, signal);
}

}  // namespace portolan::launchd
