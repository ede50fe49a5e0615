// SPDX-License-Identifier: Apache-2.0
// What is mapped in this process, or in another, as Linux tells it. Reads /proc/PID/maps without memory of
// its own, and is therefore for the rare calls only; whether a range has a hole is a single system call.
#pragma once

#include <stdint.h>

namespace portolan::vm {

struct Mapping {
  uint64_t start = 0, end = 0;
  int protection = 0;  // PROT_*
  bool shared = false;
  uint64_t offset = 0;  // in its file
  uint64_t inode = 0;   // 0: no file
};

// Calls `visit` for each mapping that touches the range, cut to the range, in order, until it returns false.
// False when it did, or when Linux does not tell, with errno. `pid` 0: this process.
bool for_each_mapping(uint64_t start, uint64_t end, bool (*visit)(void* context, const Mapping& mapping),
                      void* context, uint32_t pid = 0);

// Is any page between these page boundaries not mapped?
bool has_hole(uint64_t start, uint64_t end);

}  // namespace portolan::vm
