// SPDX-License-Identifier: Apache-2.0
// `portolan fsck --recover`: what launchd does for a domain, done here and now.
#pragma once

#include <string>

#include "cli/source.hpp"

namespace portolan::cli {

// Recovers dead threads, ends the tasks of processes that are gone and does what was put off for want of
// memory. A lost domain that nobody uses is removed. Says what was done, a line each. Throws Failure: the
// domain is lost and in use, or cannot be entered.
std::string recover(const Source& source);

}  // namespace portolan::cli
