// SPDX-License-Identifier: Apache-2.0
// Which system's calls a process has.
#pragma once

#include <portolan/darwin_poll.h>

namespace portolan::darwin_poll {

// The environment variable that says it at the start.
inline constexpr const char* kProfileVariable = "PORTOLAN_DARWIN_POLL";

// PROCESS becomes the profile of the process. False: there is no such profile.
bool resolve(portolan_poll_profile_t& profile);

}  // namespace portolan::darwin_poll
