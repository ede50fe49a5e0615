// SPDX-License-Identifier: Apache-2.0
// Does the proof notice a broken kernel? The stepping debugger breaks it: it lets the victim skip a call, such as the one
// that notes an old value before a cell is written. The kernel itself has no hook for this.
#pragma once

#include <vector>

#include "proof/prove.hpp"

namespace portolan::proof {

// A tamperer that skips the n-th call (from 1) of the function with this mangled name.
test::Tamper skip_call(const char* mangled, unsigned n);

// Plants bugs and expects violations; says what it did. False: one went unnoticed that must not. `thorough`: every
// single log entry of one scenario is left out in turn.
bool self_check(const std::vector<Listed>& scenarios, bool thorough);

// Zeroed memory that children share.
Row* make_row();

}  // namespace portolan::proof
