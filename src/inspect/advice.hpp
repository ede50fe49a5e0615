// SPDX-License-Identifier: Apache-2.0
// What to write instead: one piece of advice for each way in which rights are kept too long.
#pragma once

#include <string>

namespace portolan::inspect {

struct Finding;

// A sentence or two; empty for what is no leak.
std::string advice(const Finding& finding);

}  // namespace portolan::inspect
