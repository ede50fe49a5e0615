// SPDX-License-Identifier: Apache-2.0
// With a kernel queue: bytes wake it once each time at the most (EV_CLEAR), and cannot hide the end that
// follows.
#include <errno.h>
#include <sys/event.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>

#include "monitor.hpp"

Monitor::Monitor(int client, bool with_wake_up, std::function<void()> hung_up)
    : client_(client), hung_up_(std::move(hung_up)) {
  if (with_wake_up && pipe(wake_) != 0) {
    std::perror("hangup_daemon: pipe");
    std::abort();
  }
}

void Monitor::run() {
  const int queue = kqueue();
  struct kevent changes[2], events[2];
  EV_SET(&changes[0], client_, EVFILT_READ, EV_ADD | EV_ENABLE | EV_CLEAR, 0, 0, nullptr);
  EV_SET(&changes[1], wake_[0], EVFILT_READ, EV_ADD | EV_ENABLE | EV_CLEAR, 0, 0, nullptr);
  if (queue < 0 || kevent(queue, changes, wake_[0] < 0 ? 1 : 2, nullptr, 0, nullptr) != 0) {
    std::perror("hangup_daemon: kqueue");
    std::abort();
  }
  while (!quit_) {
    waits_ = true;
    const int count = kevent(queue, nullptr, 0, events, 2, nullptr);
    if (count < 0 && errno != EINTR) {
      std::perror("hangup_daemon: kevent");
      std::abort();
    }
    for (int i = 0; i < count; i++) {
      if (static_cast<int>(events[i].ident) != client_ || (events[i].flags & EV_EOF) == 0) continue;
      hung_up_();
      return;
    }
  }
}

void Monitor::stop() {
  quit_ = true;
  if (wake_[1] >= 0 && write(wake_[1], "*", 1) != 1) std::perror("hangup_daemon: wake-up");
}
