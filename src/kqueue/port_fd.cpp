// SPDX-License-Identifier: Apache-2.0
// <portolan/port_fd.h>: a kernel queue with one knote is a descriptor for a port.
#include <errno.h>
#include <portolan/port_fd.h>
#include <sys/event.h>
#include <time.h>

#include "kqueue/descriptors.hpp"

extern "C" {

int portolan_port_fd(mach_port_name_t name) {
  const int fd = kqueue();
  if (fd < 0) return -1;
  struct kevent add;
  EV_SET(&add, name, EVFILT_MACHPORT, EV_ADD, 0, 0, nullptr);
  if (kevent(fd, &add, 1, nullptr, 0, nullptr) == 0) {
    // Until it has been looked at, every knote counts as ready.
    portolan_port_fd_ready(fd, nullptr);
    return fd;
  }
  const int error = errno;
  portolan::kq::descriptor_closing(fd);
  portolan::kq::close_quietly(fd);
  errno = error;
  return -1;
}

int portolan_port_fd_ready(int fd, mach_port_name_t* port) {
  struct kevent event;
  const struct timespec now = {0, 0};
  const int found = kevent(fd, nullptr, 0, &event, 1, &now);
  if (found <= 0) return found;
  if (event.filter != EVFILT_MACHPORT || (event.flags & EV_EOF) != 0) {
    errno = EPIPE;
    return -1;
  }
  if (port != nullptr) *port = static_cast<mach_port_name_t>(event.data);
  return 1;
}

}  // extern "C"
