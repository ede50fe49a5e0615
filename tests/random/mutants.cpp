// SPDX-License-Identifier: Apache-2.0
#include "random/mutants.hpp"

#include <iterator>

namespace portolan::random {

const char* mutant_name(ipc::Mutant mutant) {
  static constexpr const char* kNames[] = {"none",
                                           "lost_uref",
                                           "missed_no_senders",
                                           "wrong_disposition",
                                           "wrong_mscount",
                                           "missed_dead_name",
                                           "lost_order",
                                           "unchecked_urefs",
                                           "same_generation",
                                           "skipped_seqno",
                                           "port_destroyed_keeps",
                                           "no_extra_uref"};
  static_assert(std::size(kNames) == static_cast<unsigned>(ipc::Mutant::count));
  return kNames[static_cast<unsigned>(mutant)];
}

}  // namespace portolan::random
