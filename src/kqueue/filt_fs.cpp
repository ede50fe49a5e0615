// SPDX-License-Identifier: Apache-2.0
// EVFILT_FS (kqueue 7.11): file systems come and go. Linux tells of mounts only, and not of which: the list
// is counted. The other hints of Darwin's do not arise.
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "kqueue/filters.hpp"

namespace portolan::kq {
namespace {

// Darwin's VQ_ words, which <sys/mount.h> would define.
constexpr uint32_t kMount = 0x8, kUnmount = 0x10, kUpdate = 0x100;

struct FsKnote : Knote {
  Source* mounts = nullptr;
  uint32_t count = 0;
};

// -1: it cannot be read.
int64_t mounts_in(int fd) {
  char text[4096];
  int64_t lines = 0;
  if (lseek(fd, 0, SEEK_SET) != 0) return -1;
  for (ssize_t length; (length = read(fd, text, sizeof text)) != 0;) {
    if (length < 0) return -1;
    for (ssize_t i = 0; i < length; i++) lines += text[i] == '\n';
  }
  return lines;
}

class FsFilter final : public FilterOf<FsKnote> {
 public:
  constexpr FsFilter() : FilterOf(false) {}

  int attach(Kqueue& kqueue, Knote& knote) const override {
    FsKnote& fs = own(knote);
    knote.flags |= EV_CLEAR;
    const int fd = open("/proc/self/mounts", O_RDONLY | O_CLOEXEC);
    if (fd < 0) return errno;
    fs.mounts = kqueue.watch(fd, EPOLLPRI | EPOLLET, look, &fs);
    if (fs.mounts == nullptr) return errno;
    fs.count = static_cast<uint32_t>(mounts_in(fd));
    return 0;
  }
  void detach(Kqueue& kqueue, Knote& knote) const override { kqueue.unwatch(own(knote).mounts); }

  int touch(Kqueue&, Knote& knote, const Event& change) const override {
    knote.wanted = change.fflags;
    return 0;
  }

  Verdict deliver(Kqueue&, Knote& knote, Event& out, DataArea&) const override {
    out.fflags = knote.fflags;
    return knote.fflags != 0 ? Verdict::holds : Verdict::stale;
  }

 private:
  static void look(Kqueue& kqueue, Source& source) {
    auto& fs = *static_cast<FsKnote*>(source.owner);
    const int64_t now = mounts_in(source.fd);
    if (now < 0) return;
    const auto count = static_cast<uint32_t>(now);
    const uint32_t hint = count > fs.count ? kMount : count < fs.count ? kUnmount : kUpdate;
    fs.count = count;
    if (fs.wanted != 0 && (fs.wanted & hint) == 0) return;
    fs.fflags |= hint;
    kqueue.activate(fs);
  }
};

constexpr FsFilter g_filter;

}  // namespace

const Filter* filter_fs() { return &g_filter; }

}  // namespace portolan::kq
