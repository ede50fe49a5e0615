// SPDX-License-Identifier: Apache-2.0
// Switching the recording of sites on for a while in a living domain: the one thing that a reading command
// changes, and only when asked to. Off again at the end, also when interrupted.
#pragma once

#include "cli/source.hpp"

namespace portolan::cli {

class Recording {
 public:
  // Throws Failure when the domain cannot be written.
  explicit Recording(const Source& source);
  ~Recording();
  Recording(const Recording&) = delete;
  Recording& operator=(const Recording&) = delete;

 private:
  Header* header_ = nullptr;  // the first page alone, writable
  bool was_on_ = false;
};

}  // namespace portolan::cli
