// SPDX-License-Identifier: Apache-2.0
// `portolan fsck --recover`: what launchd does for a domain, done here and now.
#pragma once

#include <cstdint>

#include "cli/source.hpp"

namespace portolan::cli {

struct Recovered {
  bool removed = false;  // it was lost, and nobody used it
  uint32_t threads = 0;  // dead ones
  uint64_t tasks = 0;    // ended: their process was gone
};

// Recovers dead threads, ends the tasks of processes that are gone and does what was put off for want of
// memory. A lost domain that nobody uses is removed. Throws Failure: the
// domain is lost and in use, or cannot be entered.
Recovered recover(const Source& source);

}  // namespace portolan::cli
