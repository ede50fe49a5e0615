// SPDX-License-Identifier: Apache-2.0
// The ways in which many processes die at one instant.
#pragma once

#include "aftermath/ledger.hpp"

namespace portolan::aftermath {

enum class Way {
  group,    // kill(-group, SIGKILL)
  hang_up,  // their terminal closes: SIGHUP for the whole session
  biggest,  // those with the most memory, one after the other within a millisecond, as when there is none
            // left
};
inline constexpr unsigned kBiggest = 3;
inline constexpr Way kWays[] = {Way::group, Way::hang_up, Way::biggest};
const char* name_of(Way way);

// A process that is no task, with the victims as its children.
class Group {
 public:
  Group(Ledger& ledger, Way way);
  ~Group() { end(); }
  Group(const Group&) = delete;
  Group& operator=(const Group&) = delete;

  bool begun() const { return leader_ > 0; }
  // Victims from here on are those that the blow kills.
  unsigned first_struck() const { return way_ == Way::biggest ? kVictims - kBiggest : 0; }
  void strike();
  // Whoever is left.
  void end();

 private:
  Ledger& ledger_;
  const Way way_;
  int terminal_ = -1;
  pid_t leader_ = -1;
};

}  // namespace portolan::aftermath
