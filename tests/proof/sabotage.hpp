// SPDX-License-Identifier: Apache-2.0
// Does the proof notice a broken kernel? The stepping debugger breaks it: of one word of the victim's slot it
// takes one store back, as if the kernel had forgotten to note an old value, a wake, or what it has in hand.
// The kernel itself has no hook for this.
#pragma once

#include <vector>

#include "proof/prove.hpp"

namespace portolan::proof {

// Plants bugs and expects violations; says what it did. False: one went unnoticed that must not. `thorough`:
// each log entry of some traps is left out in turn.
bool self_check(const std::vector<Listed>& scenarios, bool thorough);

// Zeroed memory that children share.
Row* make_row();

}  // namespace portolan::proof
