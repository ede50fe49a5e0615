// SPDX-License-Identifier: Apache-2.0
// The private queue of one call of poll: one-shot knotes in two epolls, and what is said when they fire
// (rules 9 and 12). Nothing is ever armed again.
#pragma once

#include <portolan/darwin_poll.h>
#include <stdint.h>

#include "darwin_poll/active.hpp"
#include "darwin_poll/object.hpp"
#include "darwin_poll/witness.hpp"

namespace portolan::darwin_poll {

inline constexpr short kReadBits = POLLIN | POLLRDNORM | POLLPRI | POLLRDBAND | POLLHUP;
inline constexpr short kWriteBits = POLLOUT | POLLWRNORM | POLLWRBAND;

struct Knote {
  bool ready = false;  // from the start: a regular file
  bool edge = false;   // fired for what is nothing on Darwin; armed by edges since
  bool out_of_band = false;
};

struct Entry {
  Kind kind = Kind::other;
  Knote read, write;
};

class Knotes {
 public:
  // `entries` are the call's own copy; `state` has as many. `witness` is told what is lost.
  Knotes(struct pollfd* entries, nfds_t count, Entry* state, Witness& witness)
      : entries_(entries), count_(count), state_(state), witness_(witness) {
    active_.entries = entries;
    active_.count = count;
  }

  // False: no descriptors or memory for the sets.
  bool open();
  void close();
  void attach();
  // Looks at what has fired, once. True: something has, told or not.
  bool pass();
  // Sleeps until something fires; as ppoll.
  int sleep(const struct timespec* timeout, const sigset_t* signals);

  int ready() const { return ready_; }  // entries with something to tell, the refused ones too
  nfds_t refused() const { return refused_; }

 private:
  short asked(nfds_t i) const { return entries_[i].events; }
  void attach_one(nfds_t i);
  bool attach_read(nfds_t i);
  bool attach_write(nfds_t i);
  bool add(int set, nfds_t i, uint32_t bits, Knote Entry::*knote);
  void refuse(nfds_t i);
  bool drain(int set, bool reading);
  void fire(nfds_t i, uint32_t bits, bool reading);
  void fired_read(nfds_t i, uint32_t bits);
  void fired_write(nfds_t i, uint32_t bits);
  bool keep(int set, nfds_t i, uint32_t bits, Knote& knote, uint32_t wanted);

  struct pollfd* entries_;
  nfds_t count_;
  Entry* state_;
  Witness& witness_;
  Active active_;
  Sets& sets_ = active_.sets;
  int ready_ = 0;
  nfds_t refused_ = 0;
};

}  // namespace portolan::darwin_poll
