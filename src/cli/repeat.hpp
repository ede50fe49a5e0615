// SPDX-License-Identifier: Apache-2.0
// --watch: the same again and again, on a screen of its own or, into a pipe, one after the other.
#pragma once

#include <functional>

#include "cli/command.hpp"

namespace portolan::cli {

// Calls `once(paged)` one time, or until interrupted; returns its last result.
int repeat(const Globals& globals, const std::function<int(bool paged)>& once);

void pause_seconds(double seconds);

}  // namespace portolan::cli
