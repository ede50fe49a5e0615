// SPDX-License-Identifier: Apache-2.0
// A program in C, against <mach/mach.h>, that expects what the model expects. Its tasks are processes that
// take turns. It is written to random-SEED.c in the current directory, its calls also to standard output.
#pragma once

#include "random/runner.hpp"

namespace portolan::random {

void print_program(const Plan& plan, uint64_t seed, const std::string& what);

}  // namespace portolan::random
