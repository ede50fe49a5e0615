// SPDX-License-Identifier: Apache-2.0
#include "darwin_poll/object.hpp"

#include <errno.h>
#include <linux/magic.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "darwin_poll/real.hpp"

#ifndef PIPEFS_MAGIC
#define PIPEFS_MAGIC 0x50495045
#endif

namespace portolan::darwin_poll {

namespace {

Kind kind_of_socket(int fd) {
  int type = 0;
  socklen_t length = sizeof type;
  if (getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &length) != 0) return Kind::socket;
  return type == SOCK_STREAM || type == SOCK_SEQPACKET ? Kind::stream : Kind::socket;
}

Kind kind_of_fifo(int fd) {
  struct statfs system;
  const bool nameless = fstatfs(fd, &system) == 0 && system.f_type == PIPEFS_MAGIC;
  return nameless ? Kind::pipe : Kind::fifo;
}

// Linux's nameless objects have no type in their mode, only a name.
Kind kind_of_nameless(int fd) {
  char link[32], target[32] = {};
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  const ssize_t length = readlink(link, target, sizeof target - 1);
  return length > 0 && strcmp(target, "anon_inode:[eventpoll]") == 0 ? Kind::queue : Kind::other;
}

uint32_t now(int fd, short asked) {
  struct pollfd entry = {fd, asked, 0};
  return real().poll(&entry, 1, 0) > 0 ? static_cast<uint32_t>(entry.revents) : 0;
}

}  // namespace

Kind kind_of(int fd) {
  struct stat status;
  if (fstat(fd, &status) != 0) return Kind::other;
  if (S_ISSOCK(status.st_mode)) return kind_of_socket(fd);
  if (S_ISFIFO(status.st_mode)) return kind_of_fifo(fd);
  if (S_ISREG(status.st_mode)) return Kind::file;
  return (status.st_mode & S_IFMT) == 0 ? kind_of_nameless(fd) : Kind::other;
}

bool hangs_up(Kind kind, uint32_t bits) {
  if (kind == Kind::fifo) return false;  // files have no end
  if ((bits & (EPOLLHUP | EPOLLRDHUP)) != 0) return true;
  return kind == Kind::pipe && (bits & EPOLLERR) != 0;
}

bool is_nothing(int fd, Kind kind, uint32_t bits) {
  if (kind == Kind::fifo) return (bits & (EPOLLIN | EPOLLOUT)) == 0;
  if ((bits & EPOLLHUP) == 0) return false;
  // A connection that ended has its receiving side shut down; what never was one has not.
  return kind == Kind::stream && (bits & EPOLLRDHUP) == 0 && (now(fd, POLLRDHUP) & POLLRDHUP) == 0;
}

bool sends_no_more(int fd) {
  const int saved = errno;
  int type = 0;
  socklen_t length = sizeof type;
  // Not for packets, where an empty one would arrive. In a stream nothing is sent, and nobody is told.
  if (getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &length) != 0 || type != SOCK_STREAM) return false;
  const bool closed = send(fd, "", 0, MSG_DONTWAIT | MSG_NOSIGNAL) < 0 && errno == EPIPE;
  errno = saved;
  return closed;
}

}  // namespace portolan::darwin_poll
