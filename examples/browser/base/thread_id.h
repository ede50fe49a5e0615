// SPDX-License-Identifier: Apache-2.0
// A number for the calling thread, as log lines show it; and the count of what it costs.
#ifndef BROWSER_BASE_THREAD_ID_H_
#define BROWSER_BASE_THREAD_ID_H_

#include <mach/mach.h>

#include <cstdint>

namespace base {

// Unique among the living threads of this process, and the same for a thread as long as it lives.
mach_port_t CurrentId();

// --clean: from now on CurrentId() gives back what it takes.
void ReleaseThreadPorts();

// What CurrentId() has taken and not given back: user references, and the names that they are on.
struct Leaked {
  uint64_t references;
  uint64_t names;
};
Leaked LeakedThreadPorts();

}  // namespace base

#endif  // BROWSER_BASE_THREAD_ID_H_
