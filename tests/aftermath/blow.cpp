// SPDX-License-Identifier: Apache-2.0
#include "aftermath/blow.hpp"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "segment/futex.hpp"

namespace portolan::aftermath {

namespace {

[[noreturn]] void lead(Ledger& ledger, int terminal) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != ledger.master) _exit(1);
  signal(SIGHUP, SIG_DFL);  // nohup has us ignore it
  if (terminal >= 0) {
    char name[128];
    setsid();
    if (ptsname_r(terminal, name, sizeof name) != 0 || open(name, O_RDWR | O_CLOEXEC) < 0) _exit(1);
    close(terminal);  // the master's end is the master's alone
  } else {
    setpgid(0, 0);
  }
  for (unsigned i = 0; i < kVictims; i++)
    if (fork() == 0) fall_victim(ledger, i);
  for (;;) pause();
}

}  // namespace

const char* name_of(Way way) {
  switch (way) {
    case Way::group:
      return "a process group is killed";
    case Way::hang_up:
      return "a session's terminal closes";
    case Way::biggest:
      return "the biggest are killed";
  }
  return "";
}

Group::Group(Ledger& ledger, Way way) : ledger_(ledger), way_(way) {
  if (way == Way::hang_up) {
    terminal_ = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
    if (terminal_ < 0 || grantpt(terminal_) != 0 || unlockpt(terminal_) != 0) return;
  }
  leader_ = fork();
  if (leader_ == 0) lead(ledger, terminal_);
}

void Group::strike() {
  ledger_.struck = monotonic_ns();
  switch (way_) {
    case Way::group:
      kill(-leader_, SIGKILL);
      return;
    case Way::hang_up:
      close(terminal_);
      terminal_ = -1;
      return;
    case Way::biggest:
      for (unsigned i = kVictims; i-- > first_struck();) kill(ledger_.pid[i], SIGKILL);
      return;
  }
}

void Group::end() {
  if (terminal_ >= 0) close(terminal_);
  terminal_ = -1;
  if (leader_ <= 0) return;
  // Nobody has buried them yet, so the numbers are theirs.
  for (const std::atomic<int32_t>& pid : ledger_.pid)
    if (pid > 0) kill(pid, SIGKILL);
  kill(leader_, SIGKILL);
  waitpid(leader_, nullptr, 0);
  for (const std::atomic<int32_t>& pid : ledger_.pid)
    if (pid > 0) waitpid(pid, nullptr, 0);  // ours, without the leader
  leader_ = -1;
}

}  // namespace portolan::aftermath
