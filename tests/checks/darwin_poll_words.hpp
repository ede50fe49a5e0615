// SPDX-License-Identifier: Apache-2.0
// The words of the checks of Darwin's poll.
#pragma once

#include <portolan/darwin_poll.h>

#include <vector>

#include "checks/kqueue_words.hpp"

namespace checks {

inline constexpr int kShort = 200;  // milliseconds, for what should not come

using Entries = std::vector<struct pollfd>;

inline struct pollfd entry(int fd, int events) { return {fd, static_cast<short>(events), 0}; }

// What it returns; the entries are written. Expects that it waits its whole timeout if it returns 0.
inline int poll_whole(Entries& entries, int timeout, portolan_poll_profile_t profile = PORTOLAN_POLL_DARWIN) {
  const double begun = user::now_ms();
  const int result = portolan_darwin_poll(entries.data(), entries.size(), timeout, profile);
  if (result == 0 && timeout > 0) {
    EXPECT_GE(user::now_ms() - begun, timeout);
  }
  return result;
}

// One entry, and what is told of it; 0: nothing within `timeout`.
inline int told(int fd, int events, int timeout = 0, portolan_poll_profile_t profile = PORTOLAN_POLL_DARWIN) {
  Entries one = {entry(fd, events)};
  const int result = poll_whole(one, timeout, profile);
  EXPECT_EQ(one[0].revents == 0 ? 0 : 1, result);
  return one[0].revents;
}

// A poll in a thread of its own, asleep.
class Polling {
 public:
  Polling(Entries entries, int timeout, portolan_poll_profile_t profile = PORTOLAN_POLL_DARWIN)
      : entries_(std::move(entries)), timeout_(timeout), begun_(user::now_ms()), blocked_([this, profile] {
          return portolan_darwin_poll(entries_.data(), entries_.size(), timeout_, profile);
        }) {}

  int result() { return blocked_.code(); }
  int revents(size_t i) const { return entries_[i].revents; }
  // It returned 0, and took its time.
  void expect_silence() {
    EXPECT_EQ(0, result());
    EXPECT_GE(user::now_ms() - begun_, timeout_);
    for (const struct pollfd& one : entries_) EXPECT_EQ(0, one.revents);
  }

 private:
  Entries entries_;
  int timeout_;
  double begun_;
  Blocked blocked_;
};

// Until the knote of READ for this descriptor has fired: until its epoll no longer waits for anything of it.
void wait_until_spent(int fd);

// A connection over the loopback device: [0] accepted, [1] connected.
Pair new_connection();

}  // namespace checks
