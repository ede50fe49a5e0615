// SPDX-License-Identifier: Apache-2.0
// Bytes in the segment that are no words: names, bodies of messages, memory that travels. They belong to an
// element that nobody else can see yet, so they need no log: if we die here, the element is free again. Written
// by these functions alone: so the proof finds every place that writes (tests/proof/write_sites.hpp).
#pragma once

#include <cstddef>
#include <cstdint>

namespace portolan {

inline void raw_copy(void* to, const void* from, size_t size) { __builtin_memcpy(to, from, size); }
inline void raw_clear(void* to, size_t size) { __builtin_memset(to, 0, size); }
// From the user's memory; false: it cannot be read.
template <class Memory>
bool raw_copy_in(Memory& user, void* to, uint64_t from, size_t size) {
  return user.copy_in(to, from, size);
}

}  // namespace portolan
