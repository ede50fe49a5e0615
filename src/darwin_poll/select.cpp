// SPDX-License-Identifier: Apache-2.0
// select as Darwin has it: no queue, no one-shots (rules 11). Linux's is the same but for some arguments and
// for stream sockets that were never connected, which Darwin does not report.
#include "darwin_poll/select.hpp"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdint.h>
#include <string.h>
#include <sys/epoll.h>

#include "darwin_poll/object.hpp"
#include "darwin_poll/profile.hpp"
#include "darwin_poll/real.hpp"

namespace portolan::darwin_poll {

namespace {

constexpr int64_t kSecond = 1'000'000'000;
constexpr int kWordBits = 8 * sizeof(long);

int failure(int code) {
  errno = code;
  return -1;
}

int64_t now() {
  timespec time{};
  clock_gettime(CLOCK_MONOTONIC, &time);
  return time.tv_sec * kSecond + time.tv_nsec;
}

// Three sets, of which some may not be there. Only whole words up to the count are the caller's.
struct Three {
  fd_set* sets[3];

  static size_t bytes(int count) {
    return static_cast<size_t>((count + kWordBits - 1) / kWordBits) * sizeof(long);
  }
  void copy_from(const Three& other, int count) const {
    for (int i = 0; i < 3; i++)
      if (other.sets[i] != nullptr) memcpy(sets[i], other.sets[i], bytes(count));
  }
  void copy_to(const Three& other, int count) const {
    for (int i = 0; i < 3; i++)
      if (other.sets[i] != nullptr) memcpy(other.sets[i], sets[i], bytes(count));
  }
  // How many bits of it were set, and are no more.
  int clear(int fd) const {
    int cleared = 0;
    for (fd_set* set : sets) {
      if (!FD_ISSET(fd, set)) continue;
      FD_CLR(fd, set);
      cleared++;
    }
    return cleared;
  }
  bool has(int fd) const { return FD_ISSET(fd, sets[0]) || FD_ISSET(fd, sets[1]) || FD_ISSET(fd, sets[2]); }
};

bool was_never_connected(int fd) {
  struct pollfd entry = {fd, POLLIN | POLLRDHUP, 0};
  if (real().poll(&entry, 1, 0) <= 0 || (entry.revents & POLLHUP) == 0) return false;
  return kind_of(fd) == Kind::stream && is_nothing(fd, Kind::stream, static_cast<uint32_t>(entry.revents));
}

class Select {
 public:
  Select(int count, const Three& asked, int64_t nanoseconds, const sigset_t* signals)
      : count_(count), asked_(asked), signals_(signals), deadline_(nanoseconds) {
    if (nanoseconds > 0) deadline_ = nanoseconds > INT64_MAX - now() ? INT64_MAX : now() + nanoseconds;
    result_.copy_from(asked_, count_);
  }

  int run() {
    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &cancel_before_);
    int result;
    do {
      result = wait();
    } while (result == kAgain);
    const int problem = errno;
    leave();
    pthread_setcancelstate(cancel_before_, nullptr);
    errno = problem;
    if (result >= 0) result_.copy_to(asked_, count_);
    return result;
  }

 private:
  static constexpr int kAgain = -2;

  int wait() {
    int set = sleep();
    if (set <= 0) return set;
    const bool woken = watch_ >= 0 && FD_ISSET(watch_, result_.sets[0]);
    if (woken) {
      FD_CLR(watch_, result_.sets[0]);
      epoll_event event;
      while (epoll_wait(watch_, &event, 1, 0) > 0) {
      }
      set--;
    }
    bool hidden = false;
    for (int fd = 0; fd < count_; fd++) {
      if (!result_.has(fd) || !was_never_connected(fd)) continue;
      set -= result_.clear(fd);
      if (!watch_for(fd)) return failure(EAGAIN);
      hidden = true;
    }
    if (set > 0 || (!woken && !hidden)) return set;
    result_.copy_from(asked_, count_);
    if (hidden) hide();
    return kAgain;
  }

  // Those that Darwin does not report are watched by edges, and left out of the next sleep.
  bool watch_for(int fd) {
    if (watch_ < 0) watch_ = epoll_create1(EPOLL_CLOEXEC);
    if (watch_ < 0 || watch_ >= FD_SETSIZE) return false;
    epoll_event event{};
    event.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET;
    event.data.fd = fd;
    if (epoll_ctl(watch_, EPOLL_CTL_ADD, fd, &event) != 0 && errno != EEXIST) return false;
    epoll_wait(watch_, &event, 1, 0);  // says what is known
    return true;
  }
  void hide() {
    for (int fd = 0; fd < count_; fd++)
      if (result_.has(fd) && was_never_connected(fd)) result_.clear(fd);
  }

  int sleep() {
    timespec left{};
    if (deadline_ > 0) {
      const int64_t rest = deadline_ - now();
      if (rest > 0) left = {rest / kSecond, rest % kSecond};
    }
    int count = count_;
    if (watch_ >= 0) {
      FD_SET(watch_, result_.sets[0]);
      if (watch_ >= count) count = watch_ + 1;
    }
    int set = 0, problem = 0;
    pthread_cleanup_push(abandon, this);
    pthread_setcancelstate(cancel_before_, nullptr);
    set = real().pselect(count, result_.sets[0], result_.sets[1], result_.sets[2],
                         deadline_ < 0 ? nullptr : &left, signals_);
    problem = errno;
    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, nullptr);
    pthread_cleanup_pop(0);
    errno = problem;
    return set;
  }
  static void abandon(void* self) { static_cast<Select*>(self)->leave(); }
  void leave() const {
    if (watch_ >= 0) real().close(watch_);
  }

  int count_;
  const Three& asked_;
  const sigset_t* signals_;
  int64_t deadline_;  // -1: for ever; 0: no wait
  int cancel_before_ = PTHREAD_CANCEL_ENABLE;
  int watch_ = -1;
  fd_set room_[3] = {};
  const Three result_ = {{&room_[0], &room_[1], &room_[2]}};
};

int darwin_select(int count, const Three& asked, int64_t nanoseconds, const sigset_t* signals) {
  return Select(count, asked, nanoseconds, signals).run();
}

bool bad(int count) { return count < 0 || count > FD_SETSIZE; }

}  // namespace

int select_of(int count, fd_set* readable, fd_set* writable, fd_set* exceptional, struct timeval* timeout,
              portolan_poll_profile_t profile) {
  if (!resolve(profile)) return failure(EINVAL);
  if (profile == PORTOLAN_POLL_HOST) return real().select(count, readable, writable, exceptional, timeout);
  if (bad(count)) return failure(EINVAL);
  int64_t nanoseconds = -1;
  if (timeout != nullptr) {
    if (timeout->tv_sec < 0 || timeout->tv_sec > 100'000'000 || timeout->tv_usec < 0 ||
        timeout->tv_usec >= 1'000'000)
      return failure(EINVAL);
    nanoseconds = timeout->tv_sec * kSecond + timeout->tv_usec * 1000;
  }
  return darwin_select(count, {{readable, writable, exceptional}}, nanoseconds, nullptr);
}

int pselect_of(int count, fd_set* readable, fd_set* writable, fd_set* exceptional,
               const struct timespec* timeout, const sigset_t* signals, portolan_poll_profile_t profile) {
  if (!resolve(profile)) return failure(EINVAL);
  if (profile == PORTOLAN_POLL_HOST)
    return real().pselect(count, readable, writable, exceptional, timeout, signals);
  if (bad(count)) return failure(EINVAL);
  int64_t nanoseconds = -1;
  if (timeout != nullptr) {
    if (timeout->tv_sec < 0 || timeout->tv_sec > INT32_MAX || timeout->tv_nsec < 0 ||
        timeout->tv_nsec > kSecond)
      return failure(EINVAL);
    nanoseconds = timeout->tv_sec * kSecond + timeout->tv_nsec;
  }
  return darwin_select(count, {{readable, writable, exceptional}}, nanoseconds, signals);
}

extern "C" {

PORTOLAN_EXPORT int portolan_darwin_select(int count, fd_set* readable, fd_set* writable, fd_set* exceptional,
                                           struct timeval* timeout, portolan_poll_profile_t profile) {
  return select_of(count, readable, writable, exceptional, timeout, profile);
}

PORTOLAN_EXPORT int portolan_darwin_pselect(int count, fd_set* readable, fd_set* writable,
                                            fd_set* exceptional, const struct timespec* timeout,
                                            const sigset_t* signals, portolan_poll_profile_t profile) {
  return pselect_of(count, readable, writable, exceptional, timeout, signals, profile);
}

}  // extern "C"

}  // namespace portolan::darwin_poll
