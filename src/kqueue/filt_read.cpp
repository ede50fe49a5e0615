// SPDX-License-Identifier: Apache-2.0
// EVFILT_READ and EVFILT_EXCEPT (kqueue 7.1, 7.3). epoll says when to look; what is there is asked of the
// object. Divergences: of a datagram socket the bytes are those of the next datagram, of a listener that
// tells nobody how many wait it is 1; moving the offset of a file is noticed by the next change of the knote
// or the file.
#include <errno.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>

#include "kqueue/files.hpp"
#include "kqueue/object.hpp"

namespace portolan::kq {
namespace {

constexpr uint32_t kRead = EPOLLIN | EPOLLRDHUP;

class ReadFilter final : public FilterOf<FdKnote> {
 public:
  constexpr ReadFilter() : FilterOf(true) {}

  int attach(Kqueue& kqueue, Knote& knote) const override {
    FdKnote& file = own(knote);
    if (!look_behind(file)) return EBADF;
    if (file.filter == EVFILT_EXCEPT && file.kind != Kind::socket) return refuse(file);
    if (file.kind == Kind::directory || (file.kind == Kind::kqueue && !kqueue.nest(*file.child)))
      return refuse(file);
    if (file.kind == Kind::socket) file.flags &= static_cast<uint16_t>(~EV_OOBAND);
    if (file.kind != Kind::regular) return 0;
    if (const int error = file_watch(kqueue, file)) return error;
    kqueue.activate(file);
    return 0;
  }

  void detach(Kqueue& kqueue, Knote& knote) const override {
    FdKnote& file = own(knote);
    if (file.watch != nullptr) file_unwatch(kqueue, file);
    if (file.child != nullptr) file.child->release();
  }

  int touch(Kqueue& kqueue, Knote& knote, const Event& change) const override {
    knote.wanted = change.fflags;
    knote.given = change.data;
    if (own(knote).kind == Kind::regular) kqueue.activate(knote);
    return 0;
  }

  uint32_t interest(const Knote& knote) const override {
    const auto& file = static_cast<const FdKnote&>(knote);
    if (file.kind == Kind::regular) return 0;
    // A pipe's write end tells of its end only, which epoll does unasked.
    if (file.kind == Kind::pipe && !file.readable) return EPOLLRDHUP;
    return kRead | ((file.wanted & NOTE_OOB) != 0 ? uint32_t{EPOLLPRI} : 0);
  }

  Verdict deliver(Kqueue& kqueue, Knote& knote, Event& out, DataArea&) const override {
    FdKnote& file = own(knote);
    const int fd = static_cast<int>(file.ident);
    switch (file.kind) {
      case Kind::socket:
        return socket(kqueue, file, fd, out);
      case Kind::pipe:
        return pipe(kqueue, file, fd, out);
      case Kind::fifo:
        out.data = std::max<int64_t>(bytes_in(fd), 0);
        return decide(out.data > 0, kqueue.readiness(file, kRead));
      case Kind::regular:
        return regular(fd, out);
      case Kind::kqueue:
        out.data = file.child->ready_count();
        return out.data > 0 ? Verdict::holds : Verdict::stale;
      default:
        return other(kqueue, file, fd, out);
    }
  }

 private:
  static int refuse(FdKnote& file) {
    if (file.child != nullptr) file.child->release();
    return EINVAL;
  }

  // What is ready by Linux's measure and not by ours would be reported for ever.
  static Verdict decide(bool holds, uint32_t ready) {
    if (holds) return Verdict::holds;
    return (ready & (EPOLLIN | EPOLLHUP | EPOLLERR | EPOLLRDHUP)) != 0 ? Verdict::short_of : Verdict::stale;
  }

  static Verdict socket(Kqueue& kqueue, FdKnote& file, int fd, Event& out) {
    const uint32_t ready = kqueue.readiness(file, kRead | EPOLLPRI);
    const int64_t bytes = bytes_in(fd);
    if (bytes < 0 && is_listening(fd)) {
      if ((ready & EPOLLIN) == 0) return Verdict::stale;
      out.data = std::max<int64_t>(pending_connections(fd), 1);
      return Verdict::holds;
    }
    out.data = std::max<int64_t>(bytes, 0);
    if ((file.wanted & NOTE_OOB) != 0 && (ready & EPOLLPRI) != 0) {
      file.fflags |= NOTE_OOB;
      out.fflags = file.fflags;
      return Verdict::holds;
    }
    const int error = (ready & EPOLLERR) != 0 ? socket_error(fd) : 0;
    // Linux says HUP, and nothing else, of a stream socket that was never connected.
    const bool ended = (ready & EPOLLRDHUP) != 0 || ((ready & EPOLLHUP) != 0 && error != 0);
    if (ended) {
      file.flags |= EV_EOF;
      // A peer that goes and leaves bytes unread is no error to Darwin.
      out.fflags = error == ECONNRESET && file.stream && is_unix(fd) ? 0 : static_cast<uint32_t>(error);
      return Verdict::holds;
    }
    if ((ready & EPOLLERR) != 0) return Verdict::holds;
    if ((ready & EPOLLIN) == 0) return decide(false, ready & (EPOLLHUP | EPOLLRDHUP));
    // Linux's buffer sizes are twice what was asked for, to make up for what it needs itself.
    if ((file.wanted & NOTE_LOWAT) != 0) {
      const int64_t mark = low_water(file, socket_option(fd, SO_RCVLOWAT), socket_option(fd, SO_RCVBUF) / 2);
      return decide(out.data >= mark, ready);
    }
    return decide(out.data > 0 || !file.stream, 0);
  }

  static bool is_unix(int fd) { return socket_option(fd, SO_DOMAIN) == AF_UNIX; }

  static Verdict pipe(Kqueue& kqueue, FdKnote& file, int fd, Event& out) {
    const uint32_t ready = kqueue.readiness(file, kRead);
    if ((ready & (file.readable ? EPOLLHUP : EPOLLERR)) != 0) {
      file.flags |= EV_EOF;
      out.data = file.readable ? std::max<int64_t>(bytes_in(fd), 0) : 0;
      return Verdict::holds;
    }
    if (!file.readable) return Verdict::stale;
    out.data = std::max<int64_t>(bytes_in(fd), 0);
    const int64_t mark = (file.wanted & NOTE_LOWAT) != 0 ? low_water(file, 1, pipe_size(fd)) : 1;
    return decide(out.data >= mark, ready);
  }

  static Verdict regular(int fd, Event& out) {
    struct stat status;
    if (fstat(fd, &status) != 0) return Verdict::stale;
    out.data = status.st_size - lseek(fd, 0, SEEK_CUR);
    return out.data != 0 ? Verdict::holds : Verdict::stale;
  }

  static Verdict other(Kqueue& kqueue, FdKnote& file, int fd, Event& out) {
    const uint32_t ready = kqueue.readiness(file, kRead);
    if ((ready & EPOLLHUP) != 0) file.flags |= EV_EOF;
    out.data = bytes_in(fd);
    if (out.data < 0 || (out.data == 0 && file.kind == Kind::other)) out.data = 1;
    return (ready & (EPOLLIN | EPOLLHUP | EPOLLERR)) != 0 ? Verdict::holds : Verdict::stale;
  }
};

constexpr ReadFilter g_filter;

}  // namespace

const Filter* filter_read() { return &g_filter; }
const Filter* filter_except() { return &g_filter; }

}  // namespace portolan::kq
