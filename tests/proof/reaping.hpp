// SPDX-License-Identifier: Apache-2.0
// Scenarios whose victim does launchd's work: a thread that belongs to no task.
#pragma once

#include "proof/scenario.hpp"

namespace portolan::proof {

class Reaping : public Scenario {
 public:
  explicit Reaping(World& world) : Scenario(world) {
    World::require(other.attach(w.segment(), 0), "another reaper");
  }
  uint32_t victim() override { return other.index(); }

 protected:
  Thread other;
};

}  // namespace portolan::proof
