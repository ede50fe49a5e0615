// SPDX-License-Identifier: Apache-2.0
// Memory that is refused on purpose, to see what the kernel makes of it. Only a build with PORTOLAN_REFUSALS
// asks (the test program `exhaustion`); everywhere else `refused` is false at compile time and nothing of it
// is left. A site is where memory is asked for: the body of a transaction that reserves, or the caller of a
// function that does.
#pragma once

namespace portolan {

#if defined(PORTOLAN_REFUSALS)
inline bool (*refuse_memory)(const void* site) = nullptr;
inline bool refused(const void* site) { return refuse_memory != nullptr && refuse_memory(site); }
#else
constexpr bool refused(const void*) { return false; }
#endif

}  // namespace portolan
