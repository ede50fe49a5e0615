// SPDX-License-Identifier: Apache-2.0
#include "stages/puppet.hpp"

#include <elf.h>
#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#include "segment/futex.hpp"

// A system call to borrow: where a puppet that is to branch is sent.
extern "C" const char stages_call[];

namespace portolan::stages {

namespace {

constexpr uint64_t kPatience = 20'000'000'000;  // the machine may be busy
constexpr uint64_t kAsleep = 300'000;           // who sleeps for so long in a step sleeps

#if defined(__x86_64__)
__asm__(".text\n.globl stages_call\nstages_call:\n\tsyscall\n\tint3\n");
using Registers = user_regs_struct;
uintptr_t program_counter(const Registers& it) { return it.rip; }
void set_call(Registers& it, long number, uint64_t first) {
  it.rip = reinterpret_cast<uintptr_t>(stages_call);
  it.rax = static_cast<uint64_t>(number);
  it.orig_rax = UINT64_MAX;
  it.rdi = first;
  it.rsi = it.rdx = it.r10 = it.r8 = 0;
}
bool is_call(long text) { return (text & 0xffff) == 0x050f; }
#elif defined(__aarch64__)
__asm__(".text\n.globl stages_call\nstages_call:\n\tsvc #0\n\tbrk #0\n");
using Registers = user_regs_struct;
uintptr_t program_counter(const Registers& it) { return it.pc; }
void set_call(Registers& it, long number, uint64_t first) {
  it.pc = reinterpret_cast<uintptr_t>(stages_call);
  it.regs[8] = static_cast<uint64_t>(number);
  it.regs[0] = first;
  for (unsigned i = 1; i < 6; i++) it.regs[i] = 0;
}
bool is_call(long text) { return (text & 0xffffffff) == 0xd4000001; }
#endif

bool get_registers(pid_t pid, Registers& registers) {
  iovec vector{&registers, sizeof registers};
  return ptrace(PTRACE_GETREGSET, pid, NT_PRSTATUS, &vector) == 0;
}
bool set_registers(pid_t pid, Registers& registers) {
  iovec vector{&registers, sizeof registers};
  return ptrace(PTRACE_SETREGSET, pid, NT_PRSTATUS, &vector) == 0;
}

int wait_for(pid_t pid, int flags, int& status) {
  int got;
  while ((got = waitpid(pid, &status, __WALL | flags)) < 0 && errno == EINTR) {
  }
  return got;
}

// Asleep in a system call, as Linux says?
bool asleep_now(pid_t pid) {
  char path[32], text[256];
  snprintf(path, sizeof path, "/proc/%d/stat", pid);
  FILE* file = fopen(path, "r");
  if (file == nullptr) return false;
  const size_t length = fread(text, 1, sizeof text - 1, file);
  fclose(file);
  text[length] = 0;
  const char* after = strrchr(text, ')');
  return after != nullptr && after[1] == ' ' && after[2] == 'S';
}

}  // namespace

std::unique_ptr<Puppet> Puppet::make(const std::function<void()>& body) {
  const pid_t pid = fork();
  if (pid == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (ptrace(PTRACE_TRACEME, 0, nullptr, nullptr) != 0) _exit(3);
    raise(SIGSTOP);
    body();
    _exit(0);
  }
  int status = 0;
  if (pid < 0 || wait_for(pid, 0, status) != pid || !WIFSTOPPED(status) ||
      ptrace(PTRACE_SETOPTIONS, pid, nullptr, PTRACE_O_EXITKILL | PTRACE_O_TRACEFORK) != 0) {
    fprintf(stderr, "no process can be traced here: %s\n", strerror(errno));
    _exit(2);
  }
  return std::unique_ptr<Puppet>(new Puppet(pid));
}

Puppet::~Puppet() { die(); }

void Puppet::die() {
  if (pid_ <= 0) return;
  kill(pid_, SIGKILL);
  int status = 0;
  while (wait_for(pid_, 0, status) == pid_ && !WIFEXITED(status) && !WIFSIGNALED(status)) {
  }
  pid_ = 0;
}

Puppet::Stop Puppet::fail(const std::string& what) {
  die();
  failure_ = what;
  return Stop::failed;
}

Puppet::Stop Puppet::ended(int status) {
  pid_ = 0;
  if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return Stop::ended;
  return fail(WIFSIGNALED(status) ? strsignal(WTERMSIG(status)) : "a bad exit");
}

Puppet::Stop Puppet::step() {
  const bool call = stepping_ || before_call();
  if (!stepping_ && ptrace(PTRACE_SINGLESTEP, pid_, nullptr, nullptr) != 0) return fail("cannot be stepped");
  stepping_ = true;
  int status = 0;
  const uint64_t start = call ? monotonic_ns() : 0;
  while (wait_for(pid_, call ? WNOHANG : 0, status) == 0) {
    const uint64_t now = monotonic_ns();
    if (now - start > kAsleep && asleep_now(pid_)) return Stop::asleep;
    if (now - start > kPatience) return fail("a system call hangs");
    usleep(20);
  }
  stepping_ = false;
  if (!WIFSTOPPED(status)) return ended(status);
  if (WSTOPSIG(status) == SIGTRAP) return Stop::parked;
  return fail(strsignal(WSTOPSIG(status)));
}

std::unique_ptr<Puppet> Puppet::twin() {
  Registers before{}, call{};
  int status = 0;
  unsigned long child = 0;
  if (!get_registers(pid_, before)) return nullptr;
  call = before;
  set_call(call, SYS_clone, CLONE_PARENT | SIGCHLD);
  if (!set_registers(pid_, call) || ptrace(PTRACE_CONT, pid_, nullptr, nullptr) != 0 ||
      wait_for(pid_, 0, status) != pid_ || status >> 8 != (SIGTRAP | PTRACE_EVENT_FORK << 8) ||
      ptrace(PTRACE_GETEVENTMSG, pid_, nullptr, &child) != 0)
    return nullptr;
  auto twin = std::unique_ptr<Puppet>(new Puppet(static_cast<pid_t>(child)));
  // The one that branched stops at the instruction behind the call, its twin before that.
  if (wait_for(twin->pid_, 0, status) != twin->pid_ || !set_registers(twin->pid_, before) ||
      ptrace(PTRACE_CONT, pid_, nullptr, nullptr) != 0 || wait_for(pid_, 0, status) != pid_ ||
      !WIFSTOPPED(status) || !set_registers(pid_, before))
    return nullptr;
  return twin;
}

void Puppet::go_on() {
  // One that sleeps in a step is not stopped: rest() lets it go on once that step is over.
  if (!stepping_) ptrace(PTRACE_CONT, pid_, nullptr, nullptr);
}

Puppet::Stop Puppet::rest(const std::function<bool()>& waits) {
  const uint64_t start = monotonic_ns();
  int status = 0;
  for (unsigned looks = 0;; looks++) {
    if (wait_for(pid_, WNOHANG, status) != 0) {
      if (!stepping_ || !WIFSTOPPED(status) || WSTOPSIG(status) != SIGTRAP) break;
      stepping_ = false;
      go_on();
      continue;
    }
    if (waits() && asleep_now(pid_)) return Stop::asleep;
    if (monotonic_ns() - start > kPatience) return fail("neither ends nor sleeps");
    usleep(looks < 20 ? 20 : 200);
  }
  if (!WIFSTOPPED(status)) return ended(status);
  return fail(strsignal(WSTOPSIG(status)));
}

bool Puppet::before_call() const {
  errno = 0;
  return is_call(ptrace(PTRACE_PEEKTEXT, pid_, instruction(), nullptr));
}

uintptr_t Puppet::instruction() const {
  Registers registers{};
  return get_registers(pid_, registers) ? program_counter(registers) : 0;
}

}  // namespace portolan::stages
