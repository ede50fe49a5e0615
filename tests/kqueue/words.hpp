// SPDX-License-Identifier: Apache-2.0
// What these tests say often. A call that fails fails the test.
#pragma once

#include <errno.h>
#include <gtest/gtest.h>
#include <mach/mach.h>
#include <sys/event.h>
#include <unistd.h>

#include <cstdlib>
#include <string>
#include <vector>

namespace kqueue_tests {

constexpr int kPatience = 10'000;  // milliseconds; far more than anything here takes

inline int new_queue() {
  const int kq = kqueue();
  EXPECT_GE(kq, 0) << errno;
  return kq;
}

// 0, or the errno of the change.
inline int apply(int kq, uint64_t ident, int filter, int flags, uint32_t fflags = 0, int64_t data = 0,
                 void* udata = nullptr) {
  struct kevent change;
  EV_SET(&change, ident, static_cast<int16_t>(filter), static_cast<uint16_t>(flags), fflags, data, udata);
  return kevent(kq, &change, 1, nullptr, 0, nullptr) == 0 ? 0 : errno;
}

// The events of one call; -1 for the number is an empty list, with errno.
inline std::vector<struct kevent> events(int kq, int milliseconds = kPatience, int room = 16) {
  std::vector<struct kevent> list(static_cast<size_t>(room));
  const struct timespec timeout = {milliseconds / 1000, milliseconds % 1000 * 1'000'000};
  const int count = kevent(kq, nullptr, 0, list.data(), room, &timeout);
  list.resize(static_cast<size_t>(count < 0 ? 0 : count));
  return list;
}

inline mach_port_t new_port() {
  mach_port_t port = MACH_PORT_NULL;
  EXPECT_EQ(KERN_SUCCESS, mach_port_allocate(mach_task_self(), MACH_PORT_RIGHT_RECEIVE, &port));
  EXPECT_EQ(KERN_SUCCESS, mach_port_insert_right(mach_task_self(), port, port, MACH_MSG_TYPE_MAKE_SEND));
  return port;
}

inline mach_port_t new_set(std::initializer_list<mach_port_t> members) {
  mach_port_t set = MACH_PORT_NULL;
  EXPECT_EQ(KERN_SUCCESS, mach_port_allocate(mach_task_self(), MACH_PORT_RIGHT_PORT_SET, &set));
  for (const mach_port_t member : members)
    EXPECT_EQ(KERN_SUCCESS, mach_port_insert_member(mach_task_self(), member, set));
  return set;
}

// With its send right; whoever has a name of another's gets a dead one.
inline void destroy(mach_port_t port) {
  EXPECT_EQ(KERN_SUCCESS, mach_port_mod_refs(mach_task_self(), port, MACH_PORT_RIGHT_RECEIVE, -1));
  EXPECT_EQ(KERN_SUCCESS, mach_port_deallocate(mach_task_self(), port));
}

inline mach_msg_return_t send(mach_port_t port, mach_msg_id_t id = 1) {
  mach_msg_header_t message{};
  message.msgh_bits = MACH_MSGH_BITS(MACH_MSG_TYPE_COPY_SEND, 0);
  message.msgh_size = sizeof message;
  message.msgh_remote_port = port;
  message.msgh_id = id;
  return mach_msg(&message, MACH_SEND_MSG | MACH_SEND_TIMEOUT, sizeof message, 0, MACH_PORT_NULL, kPatience,
                  MACH_PORT_NULL);
}

// Everything that is queued; how many there were.
inline int drain(mach_port_t from) {
  struct {
    mach_msg_header_t header;
    mach_msg_max_trailer_t trailer;
  } message;
  int count = 0;
  while (mach_msg(&message.header, MACH_RCV_MSG | MACH_RCV_TIMEOUT, 0, sizeof message, from, 0,
                  MACH_PORT_NULL) == MACH_MSG_SUCCESS)
    count++;
  return count;
}

struct Pipe {
  int end[2] = {-1, -1};
  Pipe() { EXPECT_EQ(0, pipe(end)); }
  ~Pipe() {
    for (const int fd : end)
      if (fd >= 0) close(fd);
  }
  Pipe(const Pipe&) = delete;
  Pipe& operator=(const Pipe&) = delete;
  int reads() const { return end[0]; }
  void put() const { EXPECT_EQ(1, write(end[1], "x", 1)); }
  void close_reader() {
    close(end[0]);
    end[0] = -1;
  }
};

// Under valgrind a thread runs at a fiftieth of its speed.
inline int rounds(int wanted) {
  const char* factor = getenv("KQUEUE_TESTS_DIVISOR");
  const int divisor = factor == nullptr ? 1 : atoi(factor);
  return wanted / (divisor > 0 ? divisor : 1) + 1;
}

// How many threads this process has.
unsigned threads();

}  // namespace kqueue_tests
