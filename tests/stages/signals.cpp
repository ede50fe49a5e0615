// SPDX-License-Identifier: Apache-2.0
#include "stages/signals.hpp"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>

#include "process/user_harness.hpp"
#include "segment/futex.hpp"

namespace portolan::stages {

const char* const kSignalTraps[] = {
    "allocate",          "mod_refs",        "send",        "receive",
    "receive-interrupt", "receive-timeout", "move_member", "request_notification",
    "semaphore_signal",  "look_up",         nullptr};

namespace {

constexpr uint64_t kPatience = 20'000'000'000;

class Stepped {
 public:
  Stepped(const user::Domain& domain, const std::string& trap, const std::string& how) {
    const std::string program = std::string(PORTOLAN_TEST_PROGRAMS_DIR) + "/signal_steps";
    pid_ = fork();
    if (pid_ != 0) return;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    setenv("PORTOLAN_DOMAIN", domain.path().c_str(), 1);
    ptrace(PTRACE_TRACEME, 0, nullptr, nullptr);
    execl(program.c_str(), program.c_str(), trap.c_str(), how.c_str(), nullptr);
    _exit(3);
  }
  ~Stepped() {
    if (!alive_) return;
    kill(pid_, SIGKILL);
    while (waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) {
    }
  }
  Stepped(const Stepped&) = delete;
  Stepped& operator=(const Stepped&) = delete;

  bool alive() const { return alive_; }
  const std::string& failure() const { return failure_; }

  // To the next place where it stops itself; false: it has ended, or hangs. `signal`: delivered where it is.
  bool to_stop(int signal) {
    ptrace(PTRACE_CONT, pid_, nullptr, signal);
    for (;;) {
      if (!wait()) return false;
      const int stopped = WSTOPSIG(status_);
      if (stopped == SIGSTOP) return true;
      ptrace(PTRACE_CONT, pid_, nullptr, stopped == SIGTRAP ? 0 : stopped);
    }
  }
  // One instruction. False: it stops itself before that, or has ended.
  bool step() {
    ptrace(PTRACE_SINGLESTEP, pid_, nullptr, nullptr);
    return wait() && WSTOPSIG(status_) == SIGTRAP;
  }

 private:
  bool wait() {
    const uint64_t start = monotonic_ns();
    int got;
    while ((got = waitpid(pid_, &status_, __WALL)) < 0 && errno == EINTR) {
      if (monotonic_ns() - start < kPatience) continue;
      failure_ = "hangs";
      return false;
    }
    if (got == pid_ && WIFSTOPPED(status_)) return true;
    alive_ = false;
    failure_ = WIFSIGNALED(status_) ? strsignal(WTERMSIG(status_))
                                    : "exits with " + std::to_string(WEXITSTATUS(status_));
    return false;
  }

  pid_t pid_;
  int status_ = 0;
  bool alive_ = true;
  std::string failure_;
};

}  // namespace

void prove_signals(const std::string& trap, const std::string& how, const SignalOptions& options,
                   Tally& tally) {
  // So that what hangs is noticed: waiting for it is interrupted each second.
  struct sigaction action {};
  action.sa_handler = [](int) {};
  sigaction(SIGALRM, &action, nullptr);
  const itimerval each_second = {{1, 0}, {1, 0}};
  setitimer(ITIMER_REAL, &each_second, nullptr);
  const user::Domain domain;
  uint64_t length = 0, apart = 1, next = 0;
  while (length == 0 || next < length) {
    Stepped it(domain, trap, how);
    bool well = it.to_stop(0);
    if (well && length == 0) {
      for (length = 1; it.step();) length++;
      apart = std::max<uint64_t>(1, length / options.most);
      next = options.seed % apart;
    } else if (well) {
      well = it.to_stop(0);
    }
    tally.count[kSignalSteps] = length;
    // Where the trap takes fewer instructions than the first time, the signal comes right behind it.
    for (bool behind = false; well && next < length; next += apart) {
      well = behind || it.to_stop(0);
      uint64_t steps = 0;
      while (well && steps < next && it.step()) steps++;
      behind = steps < next;
      well = well && it.alive() && it.to_stop(SIGUSR1);
      tally.count[kSignalSent]++;
    }
    // The last round is looked at by the program before it stops for the next one.
    well = well && it.to_stop(0);
    if (well && domain.fsck() != 0) tally.wrong("the domain is not sound");
    tally.count[kSignalChecked]++;
    if (well) continue;
    tally.wrong("with a signal after instruction " + std::to_string(next) + " it " + it.failure());
    if (tally.violations > 5) return;
    next += apart;
  }
}

}  // namespace portolan::stages
