// SPDX-License-Identifier: Apache-2.0
#include "darwin_poll/profile.hpp"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <atomic>

namespace portolan::darwin_poll {

namespace {

constinit std::atomic<int> g_profile{PORTOLAN_POLL_HOST};

// What the program sets before constructors have run is overwritten; nobody does that.
__attribute__((constructor)) void read_environment() {
  const char* word = secure_getenv(kProfileVariable);
  // A task that has Darwin's poll may be the one that starts launchd, which wants Linux's.
  if (word == nullptr || strcmp(program_invocation_short_name, "portolan-launchd") == 0) return;
  if (strcmp(word, "darwin") == 0) g_profile = PORTOLAN_POLL_DARWIN;
  if (strcmp(word, "darwin-old") == 0) g_profile = PORTOLAN_POLL_DARWIN_OLD;
}

bool exists(portolan_poll_profile_t profile) {
  return profile == PORTOLAN_POLL_HOST || profile == PORTOLAN_POLL_DARWIN ||
         profile == PORTOLAN_POLL_DARWIN_OLD;
}

}  // namespace

bool resolve(portolan_poll_profile_t& profile) {
  if (profile == PORTOLAN_POLL_PROCESS) profile = portolan_poll_profile();
  return exists(profile);
}

extern "C" {

PORTOLAN_EXPORT portolan_poll_profile_t portolan_poll_profile(void) {
  return static_cast<portolan_poll_profile_t>(g_profile.load(std::memory_order_relaxed));
}

PORTOLAN_EXPORT int portolan_poll_set_profile(portolan_poll_profile_t profile) {
  if (!exists(profile)) {
    errno = EINVAL;
    return -1;
  }
  g_profile.store(profile, std::memory_order_relaxed);
  return 0;
}

}  // extern "C"

}  // namespace portolan::darwin_poll
