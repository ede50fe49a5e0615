// SPDX-License-Identifier: Apache-2.0
#include "stages/faults.hpp"

#include <errno.h>
#include <linux/futex.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <map>
#include <memory>
#include <vector>

#ifndef SYS_futex_waitv
#define SYS_futex_waitv 449
#endif

namespace portolan::stages {

namespace {

// What a call may answer that Linux, a limit or a sandbox refuses. A call that is not here cannot fail when
// it is made as the library makes it. (FUTEX_WAKE cannot, but where there is a sandbox.)
struct Kind {
  const char* name;
  uint64_t number;
  std::vector<int> errors;
};
const std::vector<Kind>& kinds() {
  static const std::vector<Kind> all = {
    {"futex wait", SYS_futex, {EINTR, EAGAIN, ETIMEDOUT}},
    {"futex wake", ~0ull, {EPERM}},
    {"futex_waitv", SYS_futex_waitv, {EINTR, EAGAIN, ETIMEDOUT, ENOSYS, EPERM, ENOMEM}},
    {"mmap", SYS_mmap, {ENOMEM, EAGAIN, EPERM}},
    {"munmap", SYS_munmap, {ENOMEM}},
    {"mremap", SYS_mremap, {ENOMEM, EAGAIN}},
    {"mprotect", SYS_mprotect, {ENOMEM, EACCES}},
    {"pkey_mprotect", SYS_pkey_mprotect, {ENOMEM, EACCES}},
    {"pkey_alloc", SYS_pkey_alloc, {ENOSPC, ENOSYS, EINVAL}},
    {"madvise", SYS_madvise, {ENOMEM, EAGAIN, EFAULT, EINVAL}},
    {"openat", SYS_openat, {EMFILE, ENFILE, ENOMEM, EACCES, EINTR}},
    {"close", SYS_close, {EINTR, EIO}},
    {"read", SYS_read, {EINTR, EIO}},
    {"pread64", SYS_pread64, {EINTR, EIO}},
    {"write", SYS_write, {EINTR, EAGAIN, EIO}},
    {"fstat", SYS_fstat, {ENOMEM}},
    {"newfstatat", SYS_newfstatat, {ENOMEM, EACCES}},
    {"getdents64", SYS_getdents64, {EIO}},
    {"readlinkat", SYS_readlinkat, {ENOMEM, EACCES}},
    {"flock", SYS_flock, {EINTR, ENOLCK, EAGAIN}},
    {"fcntl", SYS_fcntl, {EINTR, EMFILE, ENOLCK}},
    {"ftruncate", SYS_ftruncate, {EINTR, ENOSPC, EFBIG}},
    {"fallocate", SYS_fallocate, {EINTR, ENOSPC}},
    {"mkdirat", SYS_mkdirat, {ENOSPC, EACCES}},
    {"linkat", SYS_linkat, {ENOSPC, EPERM, EEXIST}},
    {"unlinkat", SYS_unlinkat, {EIO, EACCES}},
    {"clone", SYS_clone, {EAGAIN, ENOMEM}},
    {"clone3", SYS_clone3, {EAGAIN, ENOMEM, ENOSYS}},
    {"wait4", SYS_wait4, {EINTR, ECHILD}},
    {"execve", SYS_execve, {ENOMEM, EACCES, E2BIG, EAGAIN}},
    {"getrandom", SYS_getrandom, {EAGAIN, ENOSYS}},
    {"pidfd_open", SYS_pidfd_open, {EMFILE, ENOMEM, ENOSYS}},
    {"process_vm_readv", SYS_process_vm_readv, {EPERM, ENOMEM, ENOSYS, EFAULT}},
    {"process_vm_writev", SYS_process_vm_writev, {EPERM, ENOMEM, ENOSYS, EFAULT}},
    {"rt_sigprocmask", SYS_rt_sigprocmask, {EPERM}},
    {"rt_sigaction", SYS_rt_sigaction, {EPERM}},
    {"get_robust_list", SYS_get_robust_list, {ENOSYS, EPERM}},
    {"set_robust_list", SYS_set_robust_list, {ENOSYS, EPERM}},
    {"sigaltstack", SYS_sigaltstack, {ENOMEM}},
    {"prlimit64", SYS_prlimit64, {EPERM}},
    {"prctl", SYS_prctl, {EINVAL, EPERM}},
    {"getcwd", SYS_getcwd, {ENOMEM, ENOENT}},
    {"faccessat", SYS_faccessat, {EACCES, ENOENT}},
    {"eventfd2", SYS_eventfd2, {EMFILE, ENOMEM}},
    {"pipe2", SYS_pipe2, {EMFILE, ENFILE}},
    {"epoll_create1", SYS_epoll_create1, {EMFILE, ENOMEM}},
    {"epoll_ctl", SYS_epoll_ctl, {ENOMEM, ENOSPC}},
    {"epoll_pwait", SYS_epoll_pwait, {EINTR}},
    {"timerfd_create", SYS_timerfd_create, {EMFILE, ENOMEM}},
    {"inotify_init1", SYS_inotify_init1, {EMFILE, ENOMEM}},
    {"memfd_create", SYS_memfd_create, {EMFILE, ENOMEM}},
    {"socketpair", SYS_socketpair, {EMFILE, ENFILE}},
    {"ppoll", SYS_ppoll, {EINTR, ENOMEM}},
    {"clock_nanosleep", SYS_clock_nanosleep, {EINTR}},
#if defined(__x86_64__)
    {"open", SYS_open, {EMFILE, ENFILE, ENOMEM, EACCES, EINTR}},
    {"stat", SYS_stat, {ENOMEM, EACCES}},
    {"lstat", SYS_lstat, {ENOMEM, EACCES}},
    {"access", SYS_access, {EACCES, ENOENT}},
    {"readlink", SYS_readlink, {ENOMEM, EACCES}},
    {"rmdir", SYS_rmdir, {EACCES}},
    {"poll", SYS_poll, {EINTR, ENOMEM}},
    {"epoll_wait", SYS_epoll_wait, {EINTR}},
    {"fork", SYS_fork, {EAGAIN, ENOMEM}},
    {"vfork", SYS_vfork, {EAGAIN, ENOMEM}},
#endif
  };
  return all;
}
constexpr unsigned kNone = ~0u;
constexpr unsigned kKinds = 80;

unsigned kind_of(const Call& call) {
  // The C library's own locks, which take no failure for an answer: ours are shared by processes.
  if (call.number == SYS_futex && (call.arguments[1] & FUTEX_PRIVATE_FLAG) != 0) return kNone;
  // Letting a lock go waits for nothing.
  if (call.number == SYS_flock && call.arguments[1] == LOCK_UN) return kNone;
  for (unsigned i = 0; i < kinds().size(); i++) {
    if (kinds()[i].number != call.number) continue;
    const uint64_t operation = call.arguments[1] & FUTEX_CMD_MASK;
    const bool wakes =
        call.number == SYS_futex && (operation == FUTEX_WAKE || operation == FUTEX_WAKE_BITSET);
    return wakes ? i + 1 : i;  // which is the next in the table
  }
  return kNone;
}

}  // namespace

struct FaultKinds {
  struct Count {
    std::atomic<uint64_t> calls, tried, refused, wrong;
  };
  Count of[kKinds];
};

FaultKinds* make_fault_kinds() {
  void* memory = mmap(nullptr, sizeof(FaultKinds), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED || kinds().size() > kKinds) {
    perror("stages: no memory");
    _exit(2);
  }
  return new (memory) FaultKinds{};
}

void print_fault_kinds(const FaultKinds& all) {
  printf("%-34s %9s %9s %9s %6s\n", "system call", "calls", "failed", "refused", "wrong");
  for (unsigned i = 0; i < kinds().size(); i++) {
    const FaultKinds::Count& count = all.of[i];
    if (count.calls == 0) continue;
    printf("%-34s %9llu %9llu %9llu %6llu\n", kinds()[i].name,
           static_cast<unsigned long long>(count.calls.load()),
           static_cast<unsigned long long>(count.tried.load()),
           static_cast<unsigned long long>(count.refused.load()),
           static_cast<unsigned long long>(count.wrong.load()));
  }
}

namespace {

constexpr int kDegraded = 42;  // of tests/programs/lives.c

class Faults {
 public:
  Faults(const Life& life, const FaultOptions& options, FaultKinds& counts, Tally& tally)
      : life_(life),
        options_(options),
        counts_(counts),
        tally_(tally),
        launchd_(life.begins == Begins::launchd) {}

  void run() {
    if (!life_.founds) scene_ = std::make_unique<Scene>();
    if (scene_ && !scene_->failure().empty()) return tally_.wrong(scene_->failure());
    const std::vector<unsigned> calls = record();
    uint64_t nth = options_.seed;
    for (unsigned i = 0; i < calls.size() && tally_.violations < 20; i++)
      for (const int error : kinds()[calls[i]].errors)
        if (nth++ % options_.every == 0) fail(calls[i], i, error);
  }

 private:
  std::unique_ptr<Traced> start(const user::Domain& domain) {
    // The launchd of the round before goes first.
    if (launchd_ && !bereave(*scene_)) tally_.wrong("nobody to leave anything behind");
    serving_.reset();
    std::string failure;
    auto it = begin_life(life_, domain.path(), failure);
    if (!it) tally_.wrong(failure);
    return it;
  }

  // The next call that can fail; false: it has come to the end of what it is about.
  bool next(Traced& it, unsigned& kind) {
    for (Call call; it.to_call(call);) {
      if (launchd_ && launchd_rests(call)) return false;
      kind = kind_of(call);
      if (kind != kNone) return true;
      if (!it.past_call(0)) return false;
    }
    return false;
  }

  // What it calls, unharmed.
  std::vector<unsigned> record() {
    const auto alone = life_.founds ? std::make_unique<user::Domain>() : nullptr;
    std::vector<unsigned> all;
    auto it = start(alone ? *alone : scene_->domain());
    if (!it) return all;
    for (unsigned kind; next(*it, kind);) {
      all.push_back(kind);
      counts_.of[kind].calls++;
      if (!it->past_call(0)) break;
    }
    tally_.count[kFaultCalls] = all.size();
    const std::string wrong = ends(*it, alone.get(), nullptr);
    if (!wrong.empty()) tally_.wrong("unharmed: " + wrong);
    if (launchd_) serving_ = std::move(it);
    return all;
  }

  void fail(unsigned kind, unsigned nth, int error) {
    const auto alone = life_.founds ? std::make_unique<user::Domain>() : nullptr;
    auto it = start(alone ? *alone : scene_->domain());
    if (!it) return;
    unsigned found = kNone, at = 0;
    bool there = next(*it, found);
    for (; there && at < nth; at++) there = it->past_call(0) && next(*it, found);
    bool refused = false;
    if (there) {
      tally_.count[kFaultTried]++;
      counts_.of[found].tried++;
      it->past_call(error);
    }
    const std::string wrong = ends(*it, alone.get(), &refused);
    tally_.count[kFaultRefused] += refused;
    if (found != kNone) counts_.of[found].refused += refused;
    if (!wrong.empty()) {
      if (found != kNone) counts_.of[found].wrong++;
      tally_.wrong("call " + std::to_string(nth) + ", " + kinds()[kind].name + ", answers " +
                   strerrorname_np(error) + ": " + wrong);
      // What is broken shall not be blamed on the next one, too.
      if (scene_) scene_ = std::make_unique<Scene>();
    }
    if (launchd_) serving_ = std::move(it);
  }

  // Lets it go on to its end, and looks.
  std::string ends(Traced& it, const user::Domain* alone, bool* refused) const {
    if (launchd_) {
      it.let_go();
      scene_->release();
      return scene_->wrong();
    }
    while (it.alive() && it.to_stop()) {
    }
    std::string wrong;
    if (it.alive()) wrong = "it hangs; ";
    if (it.alive()) it.kill();
    const int status = it.finish();
    if (refused != nullptr) *refused = status == kDegraded;
    if (wrong.empty() && status != 0 && (refused == nullptr || status != kDegraded))
      wrong = "it ends with " + std::to_string(status) + ": " + it.said() + "; ";
    return wrong + (alone != nullptr ? wrong_alone(*alone) : scene_->wrong());
  }

  const Life& life_;
  const FaultOptions& options_;
  FaultKinds& counts_;
  Tally& tally_;
  const bool launchd_;
  std::unique_ptr<Scene> scene_;
  std::unique_ptr<Traced> serving_;
};

}  // namespace

void prove_faults(const Life& life, const FaultOptions& options, FaultKinds& counts, Tally& tally) {
  interrupt_each_second();
  Faults(life, options, counts, tally).run();
}

}  // namespace portolan::stages
