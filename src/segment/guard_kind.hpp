// SPDX-License-Identifier: Apache-2.0
// The kinds of memory guard (guard.hpp): for those who only tell which one a task has.
#pragma once

#include <cstdint>

namespace portolan {

enum class Guard : uint32_t { off, keys, mapping };

}  // namespace portolan
