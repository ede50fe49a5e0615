// SPDX-License-Identifier: Apache-2.0
// What can be seen of one call, for the kernel and for the model alike.
#pragma once

#include <string>

#include "model/objects.hpp"

namespace portolan::random {

using model::Bytes;
using model::Name;

struct Outcome {
  kern_return_t code = 0;
  std::vector<Name> names;       // that the call brought, in order
  std::vector<uint64_t> values;  // everything else it answered
  Bytes buffer;                  // of mach_msg, all of it; addresses of memory are 0 or 1
  std::vector<Bytes> memory;     // that came out of line
  std::vector<std::pair<uint64_t, uint64_t>> released;  // pages that left the program

  bool operator==(const Outcome&) const = default;
};

// How the two differ, in words.
std::string difference(const Outcome& kernel, const Outcome& model);

}  // namespace portolan::random
