// SPDX-License-Identifier: Apache-2.0
// Makes a program that shows a disagreement as short as it gets.
#pragma once

#include "random/runner.hpp"

namespace portolan::random {

Plan shrink(Plan plan);

}  // namespace portolan::random
