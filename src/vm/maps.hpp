// SPDX-License-Identifier: Apache-2.0
// What is mapped in this process, as Linux tells it. Reads /proc/self/maps without memory of its own, and is
// therefore for the rare calls only; whether a range has a hole is a single system call.
#pragma once

#include <stdint.h>

namespace portolan::vm {

struct Mapping {
  uint64_t start = 0, end = 0;
  int protection = 0;  // PROT_*
  bool shared = false;
};

// Calls `visit` for each mapping that touches the range, cut to the range, in order, until it returns false.
// False when it did, or when Linux does not tell.
bool for_each_mapping(uint64_t start, uint64_t end, bool (*visit)(void* context, const Mapping& mapping),
                      void* context);

// Is any page between these page boundaries not mapped?
bool has_hole(uint64_t start, uint64_t end);

}  // namespace portolan::vm
