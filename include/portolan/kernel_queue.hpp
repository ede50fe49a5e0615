// SPDX-License-Identifier: Apache-2.0
// A kernel queue as an object, for what is built on one: hangup_monitor.hpp and run_loop.hpp. A child of fork
// does not have it, and leaves its number alone: EBADF.
#ifndef PORTOLAN_KERNEL_QUEUE_HPP_
#define PORTOLAN_KERNEL_QUEUE_HPP_

#include <errno.h>
#include <mach/error.h>
#include <sys/event.h>
#include <unistd.h>
#include <portolan/result.hpp>

#include <cstdint>
#include <utility>

namespace portolan::detail {

// errno as an error: its code is unix_err(errno).
inline error unix_failure(int number, const char* call) noexcept { return error(unix_err(number), call); }

class kernel_queue {
 public:
  constexpr kernel_queue() noexcept = default;
  kernel_queue(kernel_queue&& other) noexcept : fd_(std::exchange(other.fd_, -1)), process_(other.process_) {}
  kernel_queue& operator=(kernel_queue&& other) noexcept {
    std::swap(fd_, other.fd_);
    std::swap(process_, other.process_);
    return *this;
  }
  ~kernel_queue() {
    if (fd_ >= 0 && is_here()) ::close(fd_);
  }

  // EMFILE, ENFILE, ENOMEM.
  static result<kernel_queue> make() noexcept {
    kernel_queue made;
    made.fd_ = ::kqueue();
    if (made.fd_ < 0) return unix_failure(errno, "kqueue");
    made.process_ = getpid();
    return made;
  }

  // False in a child of fork.
  bool is_here() const noexcept { return process_ == getpid(); }
  int fd() const noexcept { return fd_; }

  // One change: nothing is waited for.
  result<void> apply(const struct kevent64_s& change) const noexcept {
    if (!is_here()) return unix_failure(EBADF, "kevent64");
    if (::kevent64(fd_, &change, 1, nullptr, 0, 0, nullptr) < 0) return unix_failure(errno, "kevent64");
    return {};
  }

  // How many events were written; 0 after the timeout, and when a signal came. Null: waits for ever.
  result<int> wait(struct kevent64_s* events, int room, const struct timespec* longest) const noexcept {
    if (!is_here()) return unix_failure(EBADF, "kevent64");
    const int found = ::kevent64(fd_, nullptr, 0, events, room, 0, longest);
    if (found < 0 && errno != EINTR) return unix_failure(errno, "kevent64");
    return found < 0 ? 0 : found;
  }

 private:
  int fd_ = -1;
  pid_t process_ = 0;
};

inline struct kevent64_s queue_change(uint64_t ident, int filter, unsigned flags, uint32_t fflags = 0,
                                      int64_t data = 0, uint64_t udata = 0, uint64_t leeway = 0) noexcept {
  struct kevent64_s change = {};
  EV_SET64(&change, ident, static_cast<int16_t>(filter), static_cast<uint16_t>(flags), fflags, data, udata, 0,
           leeway);
  return change;
}

}  // namespace portolan::detail

#endif  // PORTOLAN_KERNEL_QUEUE_HPP_
