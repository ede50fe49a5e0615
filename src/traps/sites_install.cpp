// SPDX-License-Identifier: Apache-2.0
// Hands the recorder to the traps, which call it while the domain or PORTOLAN_SITES asks for stacks.
// PORTOLAN_SITES=1/N thins them out here: one trap of a thread in N is recorded, at the other traps what is
// acquired has no site.
#include <stdlib.h>

#include "traps/sites.hpp"
#include "traps/trap.hpp"

namespace portolan {

namespace {

uint32_t g_one_in = 1;
thread_local uint32_t t_turn = 0;

uint32_t record_thinned(Thread& self) { return t_turn++ % g_one_in == 0 ? record_site(self) : 0; }

__attribute__((constructor)) void install_recorder() {
  const char* setting = secure_getenv("PORTOLAN_SITES");
  uint32_t n = 0;
  if (setting != nullptr && setting[0] == '1' && setting[1] == '/') {
    for (const char* digit = setting + 2; *digit >= '0' && *digit <= '9' && n < 100'000'000; digit++)
      n = n * 10 + static_cast<uint32_t>(*digit - '0');
  }
  g_one_in = n == 0 ? 1 : n;
  g_record_site = g_one_in == 1 ? record_site : record_thinned;
}

}  // namespace
}  // namespace portolan
