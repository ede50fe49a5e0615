// SPDX-License-Identifier: Apache-2.0
// Tells a program that works for somebody, and does not listen meanwhile, that he has gone.
//
//   portolan::hangup_monitor monitor = portolan::hangup_monitor::start(client, [] { interrupt(); }).value();
//
// A thread of its own waits in a kernel queue, where what has been said before cannot hide a hang-up
// (docs/hangups.md). It reads nothing: bytes that come meanwhile stay where they are, and wake it once each
// time at the most.
#ifndef PORTOLAN_HANGUP_MONITOR_HPP_
#define PORTOLAN_HANGUP_MONITOR_HPP_

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>
#include <portolan/kernel_queue.hpp>
#include <portolan/result.hpp>

#include <memory>
#include <utility>

namespace portolan {

namespace detail {

// What a monitor and its thread have in common. It is the monitor's, until that is destroyed by its own
// thread: then it is the thread's.
class hangup_watch {
 public:
  hangup_watch(kernel_queue queue, int fd) noexcept : queue_(std::move(queue)), fd_(fd) {}
  hangup_watch(const hangup_watch&) = delete;
  hangup_watch& operator=(const hangup_watch&) = delete;
  virtual ~hangup_watch() = default;

  result<void> begin() noexcept {
    // A FIFO's last writer leaves without a word to a kernel queue.
    if (is_fifo(fd_)) return unix_failure(ENOTSUP, "hangup_monitor");
    const result<void> watched =
        queue_.apply(queue_change(id(), EVFILT_READ, EV_ADD | EV_ENABLE | EV_CLEAR)).and_then([this] {
          return queue_.apply(queue_change(kStop, EVFILT_USER, EV_ADD | EV_CLEAR));
        });
    if (!watched) return watched;
    // Signals are for the program's own threads.
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    const int failed = pthread_create(&thread_, nullptr, run, this);
    pthread_sigmask(SIG_SETMASK, &before, nullptr);
    if (failed != 0) return unix_failure(failed, "pthread_create");
    return {};
  }

  // The end of the monitor: afterwards nothing is called any more.
  static void end(std::unique_ptr<hangup_watch> watch) noexcept {
    if (!watch->queue_.is_here()) {  // nor is the thread
      static_cast<void>(watch.release());
    } else if (pthread_equal(watch->thread_, pthread_self())) {  // the callback destroys its monitor
      pthread_detach(watch->thread_);
      watch->orphaned_ = true;
      static_cast<void>(watch.release());
    } else {
      // It fails only if somebody has closed the queue: then the thread has seen that, too.
      static_cast<void>(watch->queue_.apply(queue_change(kStop, EVFILT_USER, 0, NOTE_TRIGGER)));
      pthread_join(watch->thread_, nullptr);
    }
  }

 private:
  static constexpr uint64_t kStop = 0;

  virtual void hung_up() noexcept = 0;

  uint64_t id() const noexcept { return static_cast<uint64_t>(fd_); }

  static bool is_fifo(int fd) noexcept {
    constexpr auto pipes = 0x50495045;  // the file system of pipes, which have no name
    struct stat status;
    struct statfs system;
    return fstat(fd, &status) == 0 && S_ISFIFO(status.st_mode) && fstatfs(fd, &system) == 0 &&
           system.f_type != pipes;
  }

  static void* run(void* argument) noexcept {
    std::unique_ptr<hangup_watch> watch(static_cast<hangup_watch*>(argument));
    if (watch->wait()) watch->hung_up();
    if (!watch->orphaned_) static_cast<void>(watch.release());
    return nullptr;
  }

  // True: there was a hang-up; false: it is over. A stop that comes with the hang-up is a stop.
  bool wait() const noexcept {
    for (;;) {
      struct kevent64_s events[2];
      const result<int> found = queue_.wait(events, 2, nullptr);
      if (!found) return false;
      bool gone = false;
      for (int i = 0; i < *found; i++) {
        if (events[i].filter == EVFILT_USER) return false;
        gone = gone || (events[i].flags & EV_EOF) != 0;
      }
      if (gone) return true;
    }
  }

  const kernel_queue queue_;
  const int fd_;
  pthread_t thread_ = {};
  bool orphaned_ = false;  // the thread's own
};

template <class F>
class hangup_watch_of final : public hangup_watch {
 public:
  hangup_watch_of(kernel_queue queue, int fd, F callback)
      : hangup_watch(std::move(queue), fd), callback_(std::move(callback)) {}

 private:
  void hung_up() noexcept override { callback_(); }

  F callback_;
};

}  // namespace detail

class [[nodiscard]] hangup_monitor {
 public:
  // Watches a socket, a pipe or a terminal, and calls `on_hangup()` when the other side has gone: at once, if
  // it has already. The descriptor stays the caller's. Does not block.
  //
  // A hang-up is what EVFILT_READ calls EV_EOF: the peer of a stream socket has closed it or ended its
  // sending side (SHUT_WR is enough), the last writer of a pipe has left (of a write end: the last reader), a
  // terminal's line has gone. Bytes that lie there, read or not, do not matter. Regular files never hang up.
  //
  // Fails with unix_err of EBADF; EINVAL for what cannot be watched, such as a directory; ENOTSUP for a FIFO,
  // of which kernel queues are not told that its writers have left; EMFILE, ENFILE, ENOMEM; EAGAIN if there
  // can be no thread.
  template <class F>
  static result<hangup_monitor> start(int fd, F on_hangup) {
    return detail::kernel_queue::make().and_then([&](detail::kernel_queue queue) -> result<hangup_monitor> {
      hangup_monitor made;
      made.watch_ = std::make_unique<detail::hangup_watch_of<F>>(std::move(queue), fd, std::move(on_hangup));
      const result<void> begun = made.watch_->begin();
      if (begun) return made;
      made.watch_.reset();  // there is no thread
      return begun.error();
    });
  }

  // The callback is called once at the most, on the monitor's own thread, which has all signals blocked. It
  // may do what it likes, take its time, and destroy the monitor. An exception that leaves it ends the
  // program, as one that leaves a thread does.
  //
  // Keep the descriptor open as long as the monitor lives. If it is closed under it, the monitor calls
  // nothing any more, neither for it nor for the file that has the number next.

  hangup_monitor(hangup_monitor&&) noexcept = default;
  hangup_monitor& operator=(hangup_monitor&& other) noexcept {
    if (this != &other) {
      stop();
      watch_ = std::move(other.watch_);
    }
    return *this;
  }

  // As stop().
  ~hangup_monitor() { stop(); }

  // Ends the watch. If the callback is running, waits for it, but for a callback that does this itself. When
  // it returns nothing is called any more, and what the callback holds is gone. In a fork's child, which has
  // no monitor, it does nothing.
  void stop() noexcept {
    if (watch_ != nullptr) detail::hangup_watch::end(std::move(watch_));
  }

 private:
  hangup_monitor() noexcept = default;

  std::unique_ptr<detail::hangup_watch> watch_;
};

}  // namespace portolan

#endif  // PORTOLAN_HANGUP_MONITOR_HPP_
