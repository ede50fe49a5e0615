// SPDX-License-Identifier: Apache-2.0
// fileport_makeport and fileport_makefd: contracts in include/sys/fileport.h, how it works in
// ipc/fileport.hpp. The port is the kernel's matter, and made and looked up in traps; the file is handed to
// launchd, or fetched from it, between traps: nothing of the kernel's is held while launchd is waited for,
// signals are handled, and the guard is shut. That wait has an end.
//
// If we die here: the right that the maker has goes with its task, and with it the port; launchd then closes
// the file, or has not got it. A handler that jumps out leaves the maker's right, and one descriptor.
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/fileport.h>
#include <sys/socket.h>
#include <time.h>

#include "ipc/fileport.hpp"
#include "ipc/mach_port.hpp"
#include "segment/domain_files.hpp"
#include "segment/futex.hpp"
#include "segment/no_cancel.hpp"
#include "traps/process.hpp"
#include "traps/trap.hpp"
#include "vm/own_memory.hpp"

namespace portolan {
namespace {

using files::Descriptor;
using ipc::FilePort;
using ipc::Name;

constexpr uint64_t kPatience = 5'000'000'000;  // with launchd
constexpr int kAgain = -1;                     // launchd went away, or was another one: from the beginning

// A connection to launchd, good for one request. What the functions return is 0, kAgain or an errno.
class Line {
 public:
  explicit Line(uint64_t deadline) : deadline_(deadline) {}

  int open() {
    for (;;) {
      const int error = try_open();
      if (error != kAgain) return error;
      socket_.reset();
      if (monotonic_ns() >= deadline_) return ETIMEDOUT;
      {
        const Trap trap;
        if (trap.ok()) launchd_ensure(trap.thread());
      }
      const timespec pause{0, 5'000'000};
      nanosleep(&pause, nullptr);
    }
  }

  // `file`: sent along, or -1; `found`: what came back, if something was to come.
  int ask(const ipc::FileRequest& request, int file, Descriptor* found) {
    const int error = send(request, file);
    if (error != 0) return error;
    for (;;) {
      const uint64_t now = monotonic_ns();
      if (now >= deadline_) return ETIMEDOUT;
      pollfd ready{socket_.get(), POLLIN, 0};
      if (poll(&ready, 1, static_cast<int>((deadline_ - now) / 1'000'000) + 1) > 0) return hear(found);
    }
  }

 private:
  int try_open() {
    socket_.reset(socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    if (!socket_) return errno;
    sockaddr_un address{};
    Descriptor step;
    if (!files::socket_address(settings().place.path, files::kFilesSocket, address, step))
      return errno == ENOENT ? kAgain : errno;
    if (connect(socket_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0) return 0;
    const bool absent = errno == ENOENT || errno == ECONNREFUSED;
    return absent || errno == EAGAIN || errno == EINTR ? kAgain : errno;
  }

  int send(const ipc::FileRequest& request, int file) {
    iovec bytes{const_cast<ipc::FileRequest*>(&request), sizeof request};
    alignas(cmsghdr) char room[CMSG_SPACE(sizeof(int))] = {};
    msghdr message{};
    message.msg_iov = &bytes;
    message.msg_iovlen = 1;
    if (file >= 0) {
      message.msg_control = room;
      message.msg_controllen = sizeof room;
      cmsghdr* head = CMSG_FIRSTHDR(&message);
      head->cmsg_level = SOL_SOCKET;
      head->cmsg_type = SCM_RIGHTS;
      head->cmsg_len = CMSG_LEN(sizeof file);
      memcpy(CMSG_DATA(head), &file, sizeof file);
    }
    if (sendmsg(socket_.get(), &message, MSG_NOSIGNAL | MSG_DONTWAIT) == sizeof request) return 0;
    if (errno == ETOOMANYREFS) return EAGAIN;  // too many of this user's are on their way
    return errno == EPIPE || errno == ECONNRESET || errno == EAGAIN || errno == EINTR ? kAgain : errno;
  }

  int hear(Descriptor* found) {
    ipc::FileAnswer answer{};
    iovec bytes{&answer, sizeof answer};
    alignas(cmsghdr) char room[CMSG_SPACE(sizeof(int))] = {};
    msghdr message{};
    message.msg_iov = &bytes;
    message.msg_iovlen = 1;
    message.msg_control = room;
    message.msg_controllen = sizeof room;
    if (recvmsg(socket_.get(), &message, MSG_CMSG_CLOEXEC | MSG_DONTWAIT) != sizeof answer) return kAgain;
    Descriptor file;
    const cmsghdr* head = CMSG_FIRSTHDR(&message);
    if (head != nullptr && head->cmsg_level == SOL_SOCKET && head->cmsg_type == SCM_RIGHTS) {
      int fd = -1;
      memcpy(&fd, CMSG_DATA(head), sizeof fd);
      file.reset(fd);
    }
    if (answer.error != 0) return answer.error == ESRCH ? kAgain : answer.error;
    if (found == nullptr) return 0;
    if (!file) return EMFILE;  // it was sent, and this process has no number for it
    *found = static_cast<Descriptor&&>(file);
    return 0;
  }

  uint64_t deadline_;
  Descriptor socket_;
};

int make_right(Name& name, FilePort& made, uint64_t& domain) {
  const Trap trap;
  if (!trap.ok()) return EAGAIN;
  domain = trap.thread().segment().inode;
  const kern_return_t code = ipc::fileport_make(trap.thread(), trap.space(), name, made);
  return trap.leave(code == KERN_SUCCESS ? 0 : EAGAIN);
}

int find_port(Name name, FilePort& found, uint64_t& domain) {
  const Trap trap;
  if (!trap.ok()) return EINVAL;
  domain = trap.thread().segment().inode;
  const kern_return_t code = ipc::fileport_find(trap.thread(), trap.space(), name, found);
  return trap.leave(code == KERN_SUCCESS ? 0 : EINVAL);
}

void drop_right(Name name) {
  const Trap trap;
  if (!trap.ok()) return;
  const Segment& segment = trap.thread().segment();
  ipc::port_deallocate(trap.thread(), Target<ipc::Space>(segment.ref_of(segment.at(trap.space()))), name);
}

bool store(fileport_t* to, Name name) {
  const Trap trap;
  if (!trap.ok()) return false;
  vm::OwnMemory memory(trap.thread().segment());
  return memory.copy_out(reinterpret_cast<uint64_t>(to), &name.value, sizeof name.value);
}

int make_port(int fd, fileport_t* port) {
  if (fcntl(fd, F_GETFD) < 0) return EBADF;
  const uint64_t deadline = monotonic_ns() + kPatience;
  for (;;) {
    Line line(deadline);
    int error = line.open();
    Name name;
    FilePort made;
    uint64_t domain = 0;
    if (error == 0) error = make_right(name, made, domain);
    if (error != 0) return error;
    error = line.ask({ipc::kFileKeep, made.port, made.identity, domain}, fd, nullptr);
    if (error == 0 && !store(port, name)) error = EFAULT;
    if (error != 0) drop_right(name);
    if (error != kAgain) return error;
    if (monotonic_ns() >= deadline) return ETIMEDOUT;
  }
}

int make_descriptor(Name name, Descriptor& file) {
  const uint64_t deadline = monotonic_ns() + kPatience;
  for (;;) {
    FilePort found;
    uint64_t domain = 0;
    int error = find_port(name, found, domain);
    if (error != 0) return error;
    Line line(deadline);
    error = line.open();
    if (error == 0) error = line.ask({ipc::kFileGet, found.port, found.identity, domain}, -1, &file);
    if (error != kAgain) return error;
    if (monotonic_ns() >= deadline) return ETIMEDOUT;
  }
}

}  // namespace
}  // namespace portolan

using namespace portolan;

extern "C" {

int fileport_makeport(int fd, fileport_t* port) {
  const NoCancel no_cancel;
  const int saved = errno;
  const int error = make_port(fd, port);
  errno = error == 0 ? saved : error;
  return error == 0 ? 0 : -1;
}

int fileport_makefd(fileport_t port) {
  const NoCancel no_cancel;
  const int saved = errno;
  files::Descriptor file;
  const int error = make_descriptor(ipc::Name{port}, file);
  errno = error == 0 ? saved : error;
  return error == 0 ? file.release() : -1;
}

}  // extern "C"
