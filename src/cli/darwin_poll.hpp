// SPDX-License-Identifier: Apache-2.0
// Giving a program Darwin's poll: what its environment has to say, and whether that can work.
#pragma once

#include <string>
#include <vector>

#include "cli/launch.hpp"

namespace portolan::cli {

// Adds LD_PRELOAD, before what it has, and the profile. Throws Failure if the library is not there, or the
// program (found as a shell would) would not load it: it is linked statically, runs set-uid, or is of another
// architecture.
void add_darwin_poll(Environment& settings, const std::vector<std::string>& program, bool old);

}  // namespace portolan::cli
