// SPDX-License-Identifier: Apache-2.0
// What is behind a descriptor, as far as Darwin's readiness differs from Linux's (rules 12).
#pragma once

#include <stdint.h>

namespace portolan::darwin_poll {

enum class Kind : uint8_t {
  stream,  // a socket with connections
  socket,  // any other
  pipe,
  fifo,
  file,   // regular: always ready
  queue,  // an epoll, which a kernel queue is here
  other,
};

Kind kind_of(int fd);

inline bool is_socket(Kind kind) { return kind == Kind::stream || kind == Kind::socket; }

// Did what epoll reports of it hang up? `bits`: of one event.
bool hangs_up(Kind kind, uint32_t bits);

// Is it nothing on Darwin, though Linux reports it: a stream socket that was never connected, a FIFO whose
// other end left?
bool is_nothing(int fd, Kind kind, uint32_t bits);

// Has the program shut down its own sending side of this stream socket? epoll does not tell.
bool sends_no_more(int fd);

}  // namespace portolan::darwin_poll
