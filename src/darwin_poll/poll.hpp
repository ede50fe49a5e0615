// SPDX-License-Identifier: Apache-2.0
// The calls of poll, with where they were made, for the record.
#pragma once

#include <portolan/darwin_poll.h>
#include <stdint.h>

namespace portolan::darwin_poll {

struct Wait {
  int64_t nanoseconds = -1;  // -1: for ever
  const sigset_t* signals = nullptr;
};

// `old`: poll returns when something fired, told or not.
int poll(struct pollfd* entries, nfds_t count, const Wait& wait, bool old, const void* caller);
int poll_from(struct pollfd* entries, nfds_t count, int timeout, portolan_poll_profile_t profile,
              const void* caller);
// Darwin has no ppoll: what poll does, with the signals.
int ppoll_from(struct pollfd* entries, nfds_t count, const struct timespec* timeout, const sigset_t* signals,
               portolan_poll_profile_t profile, const void* caller);

}  // namespace portolan::darwin_poll
