// SPDX-License-Identifier: Apache-2.0
// EVFILT_WRITE (kqueue 7.2). Divergences: whether there is room is Linux's decision, which counts what its
// buffers need themselves; one's own SHUT_WR is not seen unless the peer's side has ended too.
#include <errno.h>
#include <linux/sockios.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>

#include "kqueue/object.hpp"

namespace portolan::kq {
namespace {

constexpr int64_t kPipeLeast = 512;  // PIPE_BUF

class WriteFilter final : public FilterOf<FdKnote> {
 public:
  constexpr WriteFilter() : FilterOf(true) {}

  int attach(Kqueue& kqueue, Knote& knote) const override {
    FdKnote& file = own(knote);
    if (!look_behind(file)) return EBADF;
    if (file.kind == Kind::kqueue) {
      file.child->release();
      return EINVAL;
    }
    if (file.kind == Kind::directory) return EINVAL;
    if (file.kind == Kind::regular) kqueue.activate(file);
    return 0;
  }
  void detach(Kqueue&, Knote&) const override {}

  int touch(Kqueue& kqueue, Knote& knote, const Event& change) const override {
    knote.wanted = change.fflags;
    knote.given = change.data;
    if (own(knote).kind == Kind::regular) kqueue.activate(knote);
    return 0;
  }

  uint32_t interest(const Knote& knote) const override {
    const auto& file = static_cast<const FdKnote&>(knote);
    if (file.kind == Kind::regular) return 0;
    // A pipe's read end tells of its end only, which epoll does unasked.
    return file.kind == Kind::pipe && !file.writable ? EPOLLRDHUP : EPOLLOUT;
  }

  Verdict deliver(Kqueue& kqueue, Knote& knote, Event& out, DataArea&) const override {
    FdKnote& file = own(knote);
    const int fd = static_cast<int>(file.ident);
    if (file.kind == Kind::regular) {
      out.data = 1;
      return Verdict::holds;
    }
    const uint32_t ready = kqueue.readiness(file, EPOLLOUT);
    if (file.kind == Kind::socket) return socket(file, fd, ready, out);
    if (file.kind == Kind::pipe || file.kind == Kind::fifo) return pipe(file, fd, ready, out);
    if ((ready & EPOLLHUP) != 0) file.flags |= EV_EOF;
    out.data = 1;
    return (ready & (EPOLLOUT | EPOLLHUP | EPOLLERR)) != 0 ? Verdict::holds : Verdict::stale;
  }

 private:
  static Verdict socket(FdKnote& file, int fd, uint32_t ready, Event& out) {
    int unsent = 0;
    const int64_t room = socket_option(fd, SO_SNDBUF);
    if (ioctl(fd, SIOCOUTQ, &unsent) != 0) unsent = 0;
    out.data = std::max<int64_t>(room - unsent, 0);
    const int error = (ready & EPOLLERR) != 0 ? socket_error(fd) : 0;
    if ((ready & EPOLLHUP) != 0) {
      // Linux says the same, but for RDHUP, of a stream socket that was never connected.
      if (error == 0 && (poll_now(fd, EPOLLRDHUP) & EPOLLRDHUP) == 0) return Verdict::short_of;
      file.flags |= EV_EOF;
      out.fflags = static_cast<uint32_t>(error);
      return Verdict::holds;
    }
    if (error != 0) return Verdict::holds;
    if ((ready & EPOLLOUT) == 0) return Verdict::stale;
    return out.data >= low_water(file, 1, room) ? Verdict::holds : Verdict::short_of;
  }

  static Verdict pipe(FdKnote& file, int fd, uint32_t ready, Event& out) {
    if (file.kind == Kind::pipe && (ready & (file.writable ? EPOLLERR : EPOLLHUP)) != 0) {
      file.flags |= EV_EOF;
      return Verdict::holds;
    }
    if (!file.writable || (ready & EPOLLOUT) == 0) return Verdict::stale;
    const int64_t size = pipe_size(fd);
    out.data = size - std::max<int64_t>(bytes_in(fd), 0);
    const int64_t mark = file.kind == Kind::pipe ? low_water(file, kPipeLeast, size) : 1;
    return out.data >= mark ? Verdict::holds : Verdict::short_of;
  }
};

constexpr WriteFilter g_filter;

}  // namespace

const Filter* filter_write() { return &g_filter; }

}  // namespace portolan::kq
