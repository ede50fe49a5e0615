// SPDX-License-Identifier: Apache-2.0
#include "proof/scenario.hpp"
namespace portolan::proof { std::span<const Listed> right_scenarios() { return {}; } }
