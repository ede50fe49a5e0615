// SPDX-License-Identifier: Apache-2.0
// What tells the messages of exceptions apart, for both their sides (tasks 4.7).
#pragma once

#include <mach/message.h>

namespace portolan {

struct ExcKind {
  bool identity;  // rights to thread and task
  bool state;
};
// The n-th id of a family: raise, state, both.
constexpr ExcKind exc_kind(mach_msg_id_t n) { return {n != 1, n != 0}; }
inline constexpr mach_msg_type_number_t kExcStateMost = 1296;  // words

}  // namespace portolan
