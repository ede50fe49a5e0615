// SPDX-License-Identifier: Apache-2.0
// The wrong kernels by name.
#pragma once

#include "ipc/mutant.hpp"

namespace portolan::random {

const char* mutant_name(ipc::Mutant mutant);  // of none: "none"

}  // namespace portolan::random
