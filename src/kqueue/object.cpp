// SPDX-License-Identifier: Apache-2.0
#include "kqueue/object.hpp"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <linux/unix_diag.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <algorithm>

#include "kqueue/descriptors.hpp"

#ifndef PIPEFS_MAGIC
#define PIPEFS_MAGIC 0x50495045
#endif

namespace portolan::kq {

namespace {

Kind kind_of(int fd, const struct stat& status) {
  switch (status.st_mode & S_IFMT) {
    case S_IFSOCK:
      return Kind::socket;
    case S_IFIFO: {
      struct statfs system;
      return fstatfs(fd, &system) == 0 && system.f_type == PIPEFS_MAGIC ? Kind::pipe : Kind::fifo;
    }
    case S_IFREG:
      return Kind::regular;
    case S_IFCHR:
      return isatty(fd) == 1 ? Kind::terminal : Kind::device;
    case 0:
      return Kind::other;
    default:
      return Kind::directory;
  }
}

// An AF_UNIX listener tells how many wait for it to those who ask the kernel about sockets only.
int64_t pending_on_unix(ino_t inode) {
  const int netlink = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG);
  if (netlink < 0) return -1;
  struct {
    nlmsghdr header;
    unix_diag_req request;
  } question{};
  question.header.nlmsg_len = sizeof question;
  question.header.nlmsg_type = SOCK_DIAG_BY_FAMILY;
  question.header.nlmsg_flags = NLM_F_REQUEST;
  question.request.sdiag_family = AF_UNIX;
  question.request.udiag_ino = static_cast<uint32_t>(inode);
  question.request.udiag_cookie[0] = question.request.udiag_cookie[1] = ~0u;
  question.request.udiag_states = ~0u;
  question.request.udiag_show = UDIAG_SHOW_RQLEN;
  alignas(nlmsghdr) char answer[1024];
  int64_t pending = -1;
  ssize_t length = send(netlink, &question, sizeof question, 0);
  if (length > 0) length = recv(netlink, answer, sizeof answer, MSG_DONTWAIT);
  close_quietly(netlink);
  const auto* header = reinterpret_cast<const nlmsghdr*>(answer);
  if (length < static_cast<ssize_t>(NLMSG_LENGTH(sizeof(unix_diag_msg))) ||
      header->nlmsg_type != SOCK_DIAG_BY_FAMILY)
    return -1;
  for (size_t at = NLMSG_LENGTH(sizeof(unix_diag_msg)); at + sizeof(nlattr) <= static_cast<size_t>(length);) {
    nlattr attribute;
    memcpy(&attribute, answer + at, sizeof attribute);
    if (attribute.nla_type == UNIX_DIAG_RQLEN) {
      unix_diag_rqlen lengths;
      memcpy(&lengths, answer + at + sizeof attribute, sizeof lengths);
      pending = lengths.udiag_rqueue;
    }
    at += NLMSG_ALIGN(std::max<size_t>(attribute.nla_len, sizeof attribute));
  }
  return pending;
}

}  // namespace

bool look_behind(FdKnote& knote) {
  const int fd = static_cast<int>(knote.ident);
  struct stat status;
  if (fstat(fd, &status) != 0) return false;
  knote.kind = kind_of(fd, status);
  const int mode = fcntl(fd, F_GETFL) & O_ACCMODE;
  knote.readable = mode != O_WRONLY;
  knote.writable = mode != O_RDONLY;
  if (knote.kind == Kind::socket) knote.stream = socket_option(fd, SO_TYPE) == SOCK_STREAM;
  if (knote.kind == Kind::other && (knote.child = kqueue_of(fd)) != nullptr) knote.kind = Kind::kqueue;
  return true;
}

int64_t bytes_in(int fd) {
  int bytes = 0;
  return ioctl(fd, FIONREAD, &bytes) == 0 ? bytes : -1;
}

int64_t pipe_size(int fd) { return std::max(fcntl(fd, F_GETPIPE_SZ), 0); }

int64_t socket_option(int fd, int option) {
  int value = 0;
  socklen_t length = sizeof value;
  return getsockopt(fd, SOL_SOCKET, option, &value, &length) == 0 ? value : 0;
}

bool is_listening(int fd) { return socket_option(fd, SO_ACCEPTCONN) != 0; }

int64_t pending_connections(int fd) {
  tcp_info info{};
  socklen_t length = sizeof info;
  if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &length) == 0) return info.tcpi_unacked;
  struct stat status;
  return fstat(fd, &status) == 0 ? pending_on_unix(status.st_ino) : -1;
}

int socket_error(int fd) {
  // Our own getsockopt: what was kept is taken, and kept again.
  const auto error = static_cast<int>(socket_option(fd, SO_ERROR));
  if (error != 0) descriptor_keep_error(fd, error);
  return error;
}

uint32_t poll_now(int fd, uint32_t events) {
  struct pollfd entry = {fd, static_cast<short>(events), 0};
  return poll(&entry, 1, 0) > 0 ? static_cast<uint16_t>(entry.revents) : 0;
}

int64_t low_water(const Knote& knote, int64_t least, int64_t most) {
  if ((knote.wanted & NOTE_LOWAT) == 0) return least;
  return std::max(least, std::min(knote.given, most));
}

}  // namespace portolan::kq
