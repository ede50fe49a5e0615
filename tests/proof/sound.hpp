// SPDX-License-Identifier: Apache-2.0
// What must be so of every segment in which nobody is in the middle of anything: fsck finds nothing, nobody
// who was granted something sleeps on, and nobody waits for what is there.
#pragma once

#include "proof/scenario.hpp"

namespace portolan::proof {

void check_sound(const Segment& segment, Judge& judge, const char* when);

}  // namespace portolan::proof
