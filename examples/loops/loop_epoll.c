// SPDX-License-Identifier: Apache-2.0
// A Mach service in an epoll, beside a descriptor: it answers requests until its standard input ends.
#include <portolan/port_fd.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "loops.h"

static void add(int epoll, int fd) {
  struct epoll_event event;
  memset(&event, 0, sizeof event);
  event.events = EPOLLIN;
  event.data.fd = fd;
  if (epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) == 0) return;
  perror("loop_epoll: epoll_ctl");
  exit(1);
}

int main(void) {
  mach_port_t service = MACH_PORT_NULL;
  check(bootstrap_check_in(bootstrap_port, LOOPS_SERVICE, &service), "bootstrap_check_in");
  const int fd = portolan_port_fd(service);
  const int epoll = epoll_create1(EPOLL_CLOEXEC);
  if (fd < 0 || epoll < 0) {
    perror("loop_epoll");
    return 1;
  }
  add(epoll, fd);
  add(epoll, STDIN_FILENO);
  printf("loop_epoll: waiting\n");
  fflush(stdout);

  int answered = 0, over = 0;
  while (!over) {
    struct epoll_event event;
    if (epoll_wait(epoll, &event, 1, -1) != 1) continue;
    if (event.data.fd == fd) {
      mach_port_t port = MACH_PORT_NULL;
      while (portolan_port_fd_ready(fd, &port) > 0) answered += answer_all(port);
    } else {
      char bytes[256];
      over = read(STDIN_FILENO, bytes, sizeof bytes) <= 0;
    }
  }
  printf("loop_epoll: %d requests answered\n", answered);
  close(fd);
  check(mach_port_mod_refs(mach_task_self(), service, MACH_PORT_RIGHT_RECEIVE, -1), "mach_port_mod_refs");
  return 0;
}
