// SPDX-License-Identifier: Apache-2.0
// A daemon under test, and clients that write to it and die.
#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

struct Setting {
  std::string profile;  // darwin, darwin-old, host, kqueue
  int descriptors = 2;
  int runs = 1000, limit = 1000, at_once = 20;
  bool late = false;
};

struct Tally {
  int seen = 0, lost = 0, early = 0, broken = 0;
  int runs() const { return seen + lost + broken; }
};

// Starts a daemon, lets `runs` clients die, and counts how their sessions end. Throws std::runtime_error.
Tally measure(const Setting& setting);

// Lets clients of a daemon that runs already die, one after the other.
void visit(const std::string& socket, int runs);
