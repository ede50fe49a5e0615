// SPDX-License-Identifier: Apache-2.0
// The C library's calls behind those that this library puts in their place.
#pragma once

#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/select.h>

namespace portolan::darwin_poll {

struct Real {
  int (*poll)(struct pollfd*, nfds_t, int);
  int (*ppoll)(struct pollfd*, nfds_t, const struct timespec*, const sigset_t*);
  int (*select)(int, fd_set*, fd_set*, fd_set*, struct timeval*);
  int (*pselect)(int, fd_set*, fd_set*, fd_set*, const struct timespec*, const sigset_t*);
  int (*close)(int);
  int (*close_range)(unsigned, unsigned, int);  // may be missing, as the next
  void (*closefrom)(int);
  int (*fclose)(FILE*);
  int (*dup2)(int, int);
  int (*dup3)(int, int, int);
};

const Real& real();

}  // namespace portolan::darwin_poll
