// SPDX-License-Identifier: Apache-2.0
// A trap that begins while its thread is in a section already. Only handlers that the library knows nothing
// of (installed by raw system calls) and those of SIGSYS and SIGTRAP get there. Private to src/traps.
#pragma once

#include "traps/runtime.hpp"

namespace portolan {

enum class Below : uint8_t {
  asleep,  // a trap that waits: another may run on top of it, in the slot's next frame
  busy,    // a trap in the middle of something, or as many asleep as there are frames
  gone,    // nothing: a handler jumped out of it
};

// What is below the trap that the calling thread, attached and in a section, begins now.
Below trap_below(const ThreadContext& context);

}  // namespace portolan
