// SPDX-License-Identifier: Apache-2.0
// Adds up the ledger's lines: every message was received once, or went with its port, or was never sent.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "storm/ledger.hpp"

namespace portolan::storm {

class Verdict {
 public:
  explicit Verdict(Ledger& ledger) : ledger_(ledger) {}

  // Adds up what is old enough that nothing of it can be under way; to be called often.
  void add_old();
  // All of it, when everybody has left.
  void add_rest();

  uint64_t lost() const { return lost_ + ledger_.gaps; }
  uint64_t duplicated() const { return twice_ + ledger_.repeats; }

  uint64_t sent = 0, received = 0, refused = 0, unknown = 0;
  uint64_t gone = 0;   // with the port they were in, whose process had died
  uint64_t boxed = 0;  // in a box that was destroyed
  // The lines of what is wrong, the first few of them.
  const std::vector<std::string>& complaints() const { return complaints_; }

 private:
  void add(uint64_t sequence);
  void add_until(uint64_t end);
  void complain(const char* what, uint64_t sequence, const Line& line);

  Ledger& ledger_;
  uint64_t next_ = 1, lost_ = 0, twice_ = 0;
  std::vector<std::string> complaints_;
};

}  // namespace portolan::storm
