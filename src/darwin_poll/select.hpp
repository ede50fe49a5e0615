// SPDX-License-Identifier: Apache-2.0
// select and pselect of the process's profile.
#pragma once

#include <portolan/darwin_poll.h>

namespace portolan::darwin_poll {

int select_of(int count, fd_set* readable, fd_set* writable, fd_set* exceptional, struct timeval* timeout,
              portolan_poll_profile_t profile);
int pselect_of(int count, fd_set* readable, fd_set* writable, fd_set* exceptional,
               const struct timespec* timeout, const sigset_t* signals, portolan_poll_profile_t profile);

}  // namespace portolan::darwin_poll
