// SPDX-License-Identifier: Apache-2.0
// What is behind a descriptor, as far as EVFILT_READ and EVFILT_WRITE have to know.
#pragma once

#include <cstdint>

#include "kqueue/filters.hpp"

namespace portolan::kq {

enum class Kind : uint32_t {
  socket,
  pipe,
  fifo,
  regular,
  directory,  // or a block device, or a link
  terminal,
  device,  // another character device
  kqueue,
  other,  // one of Linux's own: an eventfd, a timerfd …
};

struct FileWatch;

// A knote on a descriptor: of READ, EXCEPT, WRITE and VNODE.
struct FdKnote : Knote {
  Kind kind = Kind::other;
  bool stream = false;   // a stream socket
  bool readable = true;  // as the descriptor was opened
  bool writable = true;
  Kqueue* child = nullptr;  // with a reference
  FileWatch* watch = nullptr;
  FdKnote* watch_next = nullptr;
};

// False: not open (errno). A queue comes with a reference.
bool look_behind(FdKnote& knote);

int64_t bytes_in(int fd);  // FIONREAD; -1: it has no answer
int64_t pipe_size(int fd);
int64_t socket_option(int fd, int option);
int64_t pending_connections(int fd);
bool is_listening(int fd);
// The socket's error, also if a filter has read it before (descriptors.hpp).
int socket_error(int fd);
uint32_t poll_now(int fd, uint32_t events);
// kqueue 7.1: what NOTE_LOWAT makes of the lowest and the highest mark that there can be.
int64_t low_water(const Knote& knote, int64_t least, int64_t most);

}  // namespace portolan::kq
