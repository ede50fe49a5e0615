// SPDX-License-Identifier: Apache-2.0
// Writes down what one call of poll loses (record.hpp). Without a record it does nothing.
#pragma once

#include <poll.h>
#include <stdint.h>

#include "darwin_poll/record.hpp"

namespace portolan::darwin_poll {

class Witness {
 public:
  // `caller`: where poll was called; `early`: does the call return when something is lost?
  Witness(const struct pollfd* entries, nfds_t count, int timeout, const void* caller, bool early);

  bool wants_shadow() const { return record_ != nullptr; }
  // Its knote fired with `bits`, and nothing was told; from now on the set `shadow` watches it.
  void spent(nfds_t i, uint32_t bits, int shadow);
  void unwatched(nfds_t i, int shadow);
  void replaced(nfds_t i);
  // Hang-ups of what is in the set.
  void look_at(int shadow);
  void ended(int result);

 private:
  uint64_t note(LossKind kind, nfds_t i, uint32_t bits);  // its ticket
  void watch(uint64_t ticket, nfds_t i, int shadow) const;
  Loss* claim_same(LossKind kind, nfds_t i, const void* caller);
  void describe(Loss& loss, LossKind kind, nfds_t i, uint32_t bits) const;
  Loss* mine(uint64_t ticket) const;

  Record* record_;
  const struct pollfd* entries_;
  nfds_t count_;
  int timeout_;
  const void* caller_;
  bool early_;
  uint64_t called_ = 0;
  uint64_t first_ = 0, last_ = 0;  // tickets of this call; 0: none
};

// The record of this process, made if need be; null: there is none to be.
Record* own_record();
uint64_t wall_clock();

}  // namespace portolan::darwin_poll
