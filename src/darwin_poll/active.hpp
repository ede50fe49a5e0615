// SPDX-License-Identifier: Apache-2.0
// The calls of poll that are under way in this process. A descriptor number that is closed leaves them all,
// as Darwin's knotes end with their number; Linux's epoll would go on with the open file if that has another
// number. A fork's child forgets the calls of threads that it does not have.
#pragma once

#include <poll.h>
#include <pthread.h>

namespace portolan::darwin_poll {

// The epolls of one call; -1: it has no such set.
struct Sets {
  int read = -1;    // knotes of READ
  int write = -1;   // and of WRITE: one epoll cannot hold a descriptor twice
  int shadow = -1;  // descriptors whose knote is lost, watched for the record only
};

struct Active {
  Sets sets;
  const struct pollfd* entries = nullptr;
  nfds_t count = 0;
  pthread_t thread = {};
  Active *next = nullptr, *previous = nullptr;
};

void active_add(Active& call);
void active_remove(Active& call);

// Before the numbers from `first` to `last` are closed, or get another file.
void descriptors_closing(unsigned first, unsigned last);

}  // namespace portolan::darwin_poll
