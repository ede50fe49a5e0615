// SPDX-License-Identifier: Apache-2.0
// What the threads of one process of the storm have in common.
#pragma once

#include <map>

#include "storm/calls.hpp"
#include "storm/ledger.hpp"

namespace portolan::storm {

inline constexpr unsigned kServer = 0, kClient = 1;

struct Self {
  Ledger& ledger;
  unsigned place;
  uint32_t life;
  Calls calls{};
  mach_port_t service = MACH_PORT_NULL;
  // The names that this process has a reason to hold while nothing is under way, with their types.
  std::map<mach_port_t, mach_port_type_t> holdings{};

  Place& here() const { return ledger.place[place]; }
};

// While it lives, this thread is in a call that must come back.
class Doing {
 public:
  Doing(const Self& self, unsigned thread, const char* what) : doing_(self.here().doing[thread]) {
    doing_.what = text_number(what);
    doing_.since = self.ledger.clock.load();
  }
  ~Doing() { doing_.since = 0; }
  Doing(const Doing&) = delete;
  Doing& operator=(const Doing&) = delete;

 private:
  Place::Doing& doing_;
};

}  // namespace portolan::storm
