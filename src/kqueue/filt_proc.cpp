// SPDX-License-Identifier: Apache-2.0
// EVFILT_PROC (kqueue 7.6). A process's end is a pidfd's; forks are seen of the process itself, around its
// own fork(). Linux tells an ordinary program of nothing else, so that a knote that asks for other things
// alone is refused, and one that asks for them besides never hears of them.
#include <errno.h>
#include <linux/types.h>
#include <poll.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "kqueue/descriptors.hpp"
#include "kqueue/filters.hpp"
#include "kqueue/pulse.hpp"

namespace portolan::kq {
namespace {

// Of <linux/pidfd.h>, which is older than this on many systems.
struct PidfdInfo {
  uint64_t mask, cgroup;
  uint32_t pid, tgid, ppid, ids[8];
  int32_t exit_code;
};
static_assert(sizeof(PidfdInfo) == 64);
constexpr uint64_t kPidfdInfoExit = 8;
constexpr unsigned long kPidfdGetInfo = _IOWR(0xff, 11, PidfdInfo);

constexpr uint32_t kEnd = NOTE_EXIT | NOTE_EXITSTATUS | NOTE_EXIT_DETAIL | NOTE_REAP;

struct ProcKnote : Knote {
  Source* process = nullptr;  // the pidfd
  bool own_forks = false;     // this process is the one
  uint32_t forks = 0;
  bool ended = false;
};

// The status as wait(2) has it; -1: it is not for us to know.
int64_t status_of(int pidfd) {
  siginfo_t info{};
  if (waitid(static_cast<idtype_t>(3 /* P_PIDFD */), static_cast<id_t>(pidfd), &info,
             WEXITED | WNOHANG | WNOWAIT) == 0 &&
      info.si_pid != 0) {
    if (info.si_code == CLD_EXITED) return (info.si_status & 0xff) << 8;
    return info.si_status | (info.si_code == CLD_DUMPED ? 0x80 : 0);
  }
  PidfdInfo told{};
  told.mask = kPidfdInfoExit;
  if (ioctl(pidfd, kPidfdGetInfo, &told) == 0 && (told.mask & kPidfdInfoExit) != 0)
    return told.exit_code & 0xffff;
  return -1;
}

bool is_readable(int fd) {
  struct pollfd entry = {fd, POLLIN, 0};
  return poll(&entry, 1, 0) > 0;
}

bool is_child(int pidfd) {
  siginfo_t info{};
  return waitid(static_cast<idtype_t>(3 /* P_PIDFD */), static_cast<id_t>(pidfd), &info,
                WEXITED | WNOHANG | WNOWAIT) == 0;
}

class ProcFilter final : public FilterOf<ProcKnote> {
 public:
  constexpr ProcFilter() : FilterOf(false) {}

  int attach(Kqueue& kqueue, Knote& knote) const override {
    if ((knote.wanted & (NOTE_TRACK | NOTE_TRACKERR | NOTE_CHILD)) != 0) return ENOTSUP;
    if (knote.ident == 0 || knote.ident > INT32_MAX) return ESRCH;
    ProcKnote& proc = own(knote);
    const auto pid = static_cast<pid_t>(knote.ident);
    const int pidfd = static_cast<int>(syscall(SYS_pidfd_open, pid, 0));
    if (pidfd < 0) return errno == EINVAL ? ESRCH : errno;
    int error = is_readable(pidfd) ? ESRCH : may_watch(pidfd, pid, knote.wanted);
    proc.own_forks = pid == getpid();
    if (error == 0 && (knote.wanted & (kEnd | (proc.own_forks ? NOTE_FORK : 0))) == 0 && knote.wanted != 0)
      error = ENOTSUP;
    if (error == 0 && proc.own_forks) error = pulse_join(kqueue);
    if (error != 0) {
      close_quietly(pidfd);
      return error;
    }
    knote.flags |= EV_CLEAR;
    proc.forks = forks_made();
    proc.process = kqueue.watch(pidfd, EPOLLIN | EPOLLET, ended, &proc);
    if (proc.process != nullptr) return 0;
    error = errno;
    if (proc.own_forks) pulse_leave(kqueue);
    return error;
  }

  void detach(Kqueue& kqueue, Knote& knote) const override {
    ProcKnote& proc = own(knote);
    kqueue.unwatch(proc.process);
    if (proc.own_forks) pulse_leave(kqueue);
  }

  int touch(Kqueue&, Knote& knote, const Event& change) const override {
    knote.wanted = change.fflags;
    return 0;
  }

  Verdict deliver(Kqueue&, Knote& knote, Event& out, DataArea&) const override {
    ProcKnote& proc = own(knote);
    if (proc.ended) {
      proc.fflags |= proc.wanted & NOTE_EXIT;
      if ((proc.wanted & NOTE_EXITSTATUS) != 0)
        if (const int64_t status = status_of(proc.process->fd); status >= 0) {
          proc.fflags |= NOTE_EXITSTATUS;
          out.data = status;
        }
      proc.flags |= EV_EOF | EV_ONESHOT;
    }
    out.fflags = proc.fflags;
    return proc.fflags != 0 ? Verdict::holds : Verdict::stale;
  }

  static void look(Kqueue& kqueue, Knote& knote) {
    ProcKnote& proc = own(knote);
    if (!proc.own_forks || proc.detached() || proc.forks == forks_made()) return;
    proc.forks = forks_made();
    if ((proc.wanted & NOTE_FORK) == 0) return;
    proc.fflags |= NOTE_FORK;
    kqueue.activate(proc);
  }

 private:
  // Who asks for the status as well as the end has to be its parent, or allowed to kill it.
  static int may_watch(int pidfd, pid_t pid, uint32_t wanted) {
    constexpr uint32_t kBoth = NOTE_EXIT | NOTE_EXITSTATUS;
    if ((wanted & kBoth) != kBoth || is_child(pidfd) || kill(pid, 0) == 0) return 0;
    return EACCES;
  }

  static void ended(Kqueue& kqueue, Source& source) {
    auto& proc = *static_cast<ProcKnote*>(source.owner);
    proc.ended = true;
    kqueue.activate(proc);
  }
};

constexpr ProcFilter g_filter;

}  // namespace

const Filter* filter_proc() { return &g_filter; }

void proc_beat(Kqueue& kqueue) {
  kqueue.each(EVFILT_PROC, [&](Knote& knote) { ProcFilter::look(kqueue, knote); });
}

}  // namespace portolan::kq
