// SPDX-License-Identifier: Apache-2.0
// With poll, as POSIX has it: only the hang-up is asked for, so that the client's bytes are left to who reads
// them.
#include <errno.h>
#include <poll.h>
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
  struct pollfd entries[2] = {{client_, POLLHUP, 0}, {wake_[0], POLLIN, 0}};
  const nfds_t count = wake_[0] < 0 ? 1 : 2;
  while (!quit_) {
    waits_ = true;
    const int ready = poll(entries, count, -1);
    if (ready < 0 && errno != EINTR && errno != EAGAIN) {
      std::perror("hangup_daemon: poll");
      std::abort();
    }
    if (ready == 0) early_++;
    if (ready > 0 && (entries[0].revents & POLLHUP) != 0) {
      hung_up_();
      return;
    }
  }
}

void Monitor::stop() {
  quit_ = true;
  if (wake_[1] >= 0 && write(wake_[1], "*", 1) != 1) std::perror("hangup_daemon: wake-up");
}
