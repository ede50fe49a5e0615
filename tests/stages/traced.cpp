// SPDX-License-Identifier: Apache-2.0
#include "stages/traced.hpp"

#include <elf.h>
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#include "segment/futex.hpp"

namespace portolan::stages {

namespace {

constexpr uint64_t kPatience = 20'000'000'000;
constexpr long kOptions = PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACEEXEC;
constexpr int kAtCall = SIGTRAP | 0x80;

user_regs_struct registers(pid_t pid) {
  user_regs_struct all{};
  iovec vector{&all, sizeof all};
  ptrace(PTRACE_GETREGSET, pid, NT_PRSTATUS, &vector);
  return all;
}
void set_registers(pid_t pid, user_regs_struct& all) {
  iovec vector{&all, sizeof all};
  ptrace(PTRACE_SETREGSET, pid, NT_PRSTATUS, &vector);
}

#if defined(__x86_64__)
uint64_t place(const user_regs_struct& all) { return all.rip; }
bool calls(uint64_t instruction) { return (instruction & 0xffff) == 0x050f; }
Call call_of(const user_regs_struct& all, uint64_t number) {
  return {number, {all.rdi, all.rsi, all.rdx, all.r10, all.r8, all.r9}};
}
Call call_before(const user_regs_struct& all) { return call_of(all, all.rax); }
Call call_entered(const user_regs_struct& all) { return call_of(all, all.orig_rax); }
void call_none(pid_t pid, user_regs_struct& all) {
  all.orig_rax = ~0ull;
  set_registers(pid, all);
}
void answer(user_regs_struct& all, int error) { all.rax = static_cast<uint64_t>(-int64_t{error}); }
#else
uint64_t place(const user_regs_struct& all) { return all.pc; }
bool calls(uint64_t instruction) { return (instruction & 0xffffffff) == 0xd4000001; }
Call call_before(const user_regs_struct& all) {
  return {all.regs[8], {all.regs[0], all.regs[1], all.regs[2], all.regs[3], all.regs[4], all.regs[5]}};
}
Call call_entered(const user_regs_struct& all) { return call_before(all); }
void call_none(pid_t pid, user_regs_struct&) {
  int none = -1;
  iovec vector{&none, sizeof none};
  ptrace(PTRACE_SETREGSET, pid, NT_ARM_SYSTEM_CALL, &vector);
}
void answer(user_regs_struct& all, int error) { all.regs[0] = static_cast<uint64_t>(-int64_t{error}); }
#endif

}  // namespace

void interrupt_each_second() {
  struct sigaction action {};
  action.sa_handler = [](int) {};
  sigaction(SIGALRM, &action, nullptr);
  const itimerval each_second = {{1, 0}, {1, 0}};
  setitimer(ITIMER_REAL, &each_second, nullptr);
}

Traced::Traced(const std::string& directory, const Arguments& arguments, Tracing tracing)
    : words_(memfd_create("words", MFD_CLOEXEC)) {
  std::vector<char*> words;
  for (const std::string& word : arguments) words.push_back(const_cast<char*>(word.c_str()));
  words.push_back(nullptr);
  process_ = fork();
  if (process_ == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    dup2(words_, 2);
    setenv("PORTOLAN_DOMAIN", directory.c_str(), 1);
    if (tracing == Tracing::from_start) ptrace(PTRACE_TRACEME, 0, nullptr, nullptr);
    execv(words[0], words.data());
    _exit(3);
  }
  traced_ = process_;
  // Traced from its start it stops behind its exec; otherwise where it asks for it.
  if (tracing == Tracing::from_start ? wait() : find_traced())
    ptrace(PTRACE_SETOPTIONS, traced_, nullptr, kOptions);
}

Traced::~Traced() {
  kill();
  finish();
  close(words_);
}

std::string Traced::said() const {
  char text[600];
  const ssize_t length = pread(words_, text, sizeof text, 0);
  return std::string(text, length > 0 ? static_cast<size_t>(length) : 0);
}

void Traced::let_go() {
  if (alive_) ptrace(PTRACE_DETACH, traced_, nullptr, nullptr);
  alive_ = false;
}

// The thread of our child that has itself traced, and has stopped.
bool Traced::find_traced() {
  const uint64_t start = monotonic_ns();
  while (monotonic_ns() - start < kPatience) {
    siginfo_t info{};
    if (waitid(P_ALL, 0, &info, WSTOPPED | WEXITED | WNOWAIT | WNOHANG | __WALL) == 0 && info.si_pid != 0) {
      const std::string task = "/proc/" + std::to_string(process_) + "/task/" + std::to_string(info.si_pid);
      if (info.si_code != CLD_EXITED && access(task.c_str(), F_OK) == 0) {
        traced_ = info.si_pid;
        return wait();
      }
      if (info.si_pid == process_) break;
    }
    usleep(200);
  }
  failure_ = "never asks to be traced";
  return false;
}

bool Traced::wait() {
  const uint64_t start = monotonic_ns();
  pid_t got;
  while ((got = waitpid(traced_, &status_, __WALL)) < 0 && errno == EINTR) {
    if (monotonic_ns() - start < kPatience) continue;
    failure_ = "hangs";
    return false;
  }
  if (got == traced_ && WIFSTOPPED(status_)) return true;
  alive_ = false;
  if (got == process_) ended_ = status_;
  failure_ = WIFSIGNALED(status_) ? strsignal(WTERMSIG(status_))
                                  : "exits with " + std::to_string(WEXITSTATUS(status_));
  return false;
}

bool Traced::enters() const {
  __ptrace_syscall_info info{};
  ptrace(PTRACE_GET_SYSCALL_INFO, traced_, sizeof info, &info);
  return info.op == PTRACE_SYSCALL_INFO_ENTRY;
}

bool Traced::stopped_itself() const { return WSTOPSIG(status_) == SIGSTOP; }

bool Traced::to_stop(int signal) {
  for (ptrace(PTRACE_CONT, traced_, nullptr, signal);;) {
    if (!wait()) return false;
    if (stopped_itself()) return true;
    const int stopped = WSTOPSIG(status_);
    ptrace(PTRACE_CONT, traced_, nullptr, stopped == SIGTRAP ? 0 : stopped);
  }
}

bool Traced::step() {
  ptrace(PTRACE_SINGLESTEP, traced_, nullptr, nullptr);
  return wait() && (WSTOPSIG(status_) & 0x7f) == SIGTRAP;
}

bool Traced::execed() const { return status_ >> 8 == (SIGTRAP | (PTRACE_EVENT_EXEC << 8)); }

bool Traced::at_call(Call& call) const {
  const user_regs_struct all = registers(traced_);
  errno = 0;
  const long text = ptrace(PTRACE_PEEKTEXT, traced_, place(all), nullptr);
  if (errno != 0 || !calls(static_cast<uint64_t>(text))) return false;
  call = call_before(all);
  return true;
}

bool Traced::to_call(Call& call) {
  for (int signal = 0;;) {
    ptrace(PTRACE_SYSCALL, traced_, nullptr, signal);
    if (!wait() || stopped_itself() || execed()) return false;
    const bool at_call = WSTOPSIG(status_) == kAtCall;
    if (at_call && enters()) break;
    signal = at_call || WSTOPSIG(status_) == SIGTRAP ? 0 : WSTOPSIG(status_);
  }
  call = call_entered(registers(traced_));
  return true;
}

bool Traced::past_call(int error) {
  user_regs_struct all = registers(traced_);
  if (error != 0) call_none(traced_, all);
  for (int signal = 0;;) {
    ptrace(PTRACE_SYSCALL, traced_, nullptr, signal);
    if (!wait() || execed()) return false;
    if (WSTOPSIG(status_) == kAtCall) break;
    signal = WSTOPSIG(status_) == SIGTRAP || stopped_itself() ? 0 : WSTOPSIG(status_);
  }
  if (error == 0) return true;
  all = registers(traced_);
  answer(all, error);
  set_registers(traced_, all);
  return true;
}

bool Traced::to_call(const std::function<bool(const Call&)>& wanted) {
  for (Call call; to_call(call);) {
    if (wanted(call)) return true;
    if (!past_call(0)) return false;
  }
  return false;
}

bool Traced::to_exec() {
  for (int signal = 0;;) {
    ptrace(PTRACE_CONT, traced_, nullptr, signal);
    if (!wait() || stopped_itself()) return false;
    if (execed()) return true;
    signal = WSTOPSIG(status_) == SIGTRAP ? 0 : WSTOPSIG(status_);
  }
}

bool Traced::to_child() {
  ptrace(PTRACE_SETOPTIONS, traced_, nullptr, kOptions | PTRACE_O_TRACEFORK);
  for (int signal = 0;;) {
    ptrace(PTRACE_CONT, traced_, nullptr, signal);
    if (!wait() || stopped_itself()) return false;
    if (status_ >> 8 == (SIGTRAP | (PTRACE_EVENT_FORK << 8))) break;
    signal = WSTOPSIG(status_) == SIGTRAP ? 0 : WSTOPSIG(status_);
  }
  unsigned long child = 0;
  ptrace(PTRACE_GETEVENTMSG, traced_, nullptr, &child);
  ptrace(PTRACE_DETACH, traced_, nullptr, nullptr);
  traced_ = static_cast<pid_t>(child);
  return wait();
}

void Traced::kill() {
  if (!alive_) return;
  // All of the process that the traced thread is of.
  ::kill(traced_, SIGKILL);
  while (wait()) {
    // An exit that is announced, or a stop from before.
    ptrace(PTRACE_CONT, traced_, nullptr, nullptr);
  }
}

int Traced::finish() {
  const uint64_t start = monotonic_ns();
  let_go();
  while (ended_ == -2) {
    int status = 0;
    const pid_t got = waitpid(process_, &status, WNOHANG | __WALL);
    if (got == process_ && !WIFSTOPPED(status)) {
      ended_ = status;
    } else if (got < 0 && errno == ECHILD) {
      ended_ = status_;
    } else if (monotonic_ns() - start > kPatience) {
      ::kill(process_, SIGKILL);
      waitpid(process_, nullptr, __WALL);
      ended_ = 0;
      return -1;
    } else {
      usleep(500);
    }
  }
  return WIFEXITED(ended_) ? WEXITSTATUS(ended_) : 128 + WTERMSIG(ended_);
}

}  // namespace portolan::stages
