// SPDX-License-Identifier: Apache-2.0
// A signal at each instruction of a trap, made through the library by a real program (tests/programs/
// signal_steps.c), which is stepped so far, given the signal, and let go on. Its handler traps itself, and
// returns or jumps away. The trap must do all that it does, the handler must run exactly once for each
// signal, and the domain must be sound each time.
#pragma once

#include <string>

#include "stages/tally.hpp"

namespace portolan::stages {

struct SignalOptions {
  unsigned most = 300;  // signals to each trap, at instructions evenly apart
  uint64_t seed = 1;
};

enum SignalCount : unsigned { kSignalSteps, kSignalSent, kSignalChecked, kSignalCounts };

// `how`: returns, jumps; raw is around the library, and must be noticed.
void prove_signals(const std::string& trap, const std::string& how, const SignalOptions& options,
                   Tally& tally);
extern const char* const kSignalTraps[];

}  // namespace portolan::stages
