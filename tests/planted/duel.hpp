// SPDX-License-Identifier: Apache-2.0
// Two processes that send each other rights as fast as they can, each of which takes the other's locks in the
// opposite order; one is killed at some time, the other goes on, and everything is judged. What single steps
// of one thread cannot show: what two do to each other.
#pragma once

#include <cstdint>
#include <string>

namespace portolan::proof {

struct DuelEnd {
  std::string wrong;    // empty: nothing was found
  uint64_t rounds = 0;  // how many it took
};

// So many rounds, or until something is wrong.
DuelEnd duel(uint64_t rounds, uint64_t seed);

}  // namespace portolan::proof
