// SPDX-License-Identifier: Apache-2.0
// The words of the checks of kernel queues. A call that fails fails the check.
#pragma once

#include <errno.h>
#include <sys/event.h>
#include <sys/event_private.h>
#include <sys/socket.h>
#include <unistd.h>

#include <string>
#include <vector>

#include "checks/harness.hpp"

namespace checks {

using Event = struct kevent;

inline int new_queue() {
  const int kq = kqueue();
  EXPECT_GE(kq, 0) << errno;
  return kq;
}

inline Event change(uint64_t ident, int filter, int flags, uint32_t fflags = 0, int64_t data = 0,
                    void* udata = nullptr) {
  Event event;
  EV_SET(&event, ident, static_cast<int16_t>(filter), static_cast<uint16_t>(flags), fflags, data, udata);
  return event;
}

// 0, or the errno of the change.
inline int apply(int kq, const Event& one) {
  return kevent(kq, &one, 1, nullptr, 0, nullptr) == 0 ? 0 : errno;
}
inline int apply(int kq, uint64_t ident, int filter, int flags, uint32_t fflags = 0, int64_t data = 0,
                 void* udata = nullptr) {
  return apply(kq, change(ident, filter, flags, fflags, data, udata));
}

// What is there now, or within so many milliseconds; at most `room` events.
inline std::vector<Event> events(int kq, int milliseconds = 0, int room = 16) {
  std::vector<Event> list(static_cast<size_t>(room));
  const struct timespec timeout = {milliseconds / 1000, milliseconds % 1000 * 1'000'000};
  const int count = kevent(kq, nullptr, 0, list.data(), room, &timeout);
  EXPECT_GE(count, 0) << errno;
  list.resize(static_cast<size_t>(count < 0 ? 0 : count));
  return list;
}

// The one event that comes.
inline Event only_event(int kq, int milliseconds = kPatience) {
  const std::vector<Event> list = events(kq, milliseconds);
  EXPECT_EQ(1u, list.size());
  return list.empty() ? Event{} : list[0];
}
inline bool silent(int kq) { return events(kq).empty(); }

struct Pair {
  int fd[2] = {-1, -1};
  int operator[](int i) const { return fd[i]; }
};
inline Pair new_pipe() {
  Pair pair;
  EXPECT_EQ(0, pipe(pair.fd));
  return pair;
}
inline Pair new_sockets(int type = SOCK_STREAM) {
  Pair pair;
  EXPECT_EQ(0, socketpair(AF_UNIX, type, 0, pair.fd));
  return pair;
}
inline void put(int fd, const std::string& bytes) {
  EXPECT_EQ(static_cast<ssize_t>(bytes.size()), write(fd, bytes.data(), bytes.size()));
}
inline void take(int fd, size_t bytes) {
  std::string room(bytes, ' ');
  EXPECT_EQ(static_cast<ssize_t>(bytes), read(fd, room.data(), bytes));
}

// A name in the check's own directory of temporary files.
inline std::string scratch(const std::string& name) {
  return "/tmp/portolan-kqueue-" + std::to_string(getpid()) + "-" + name;
}

}  // namespace checks
