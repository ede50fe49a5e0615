// SPDX-License-Identifier: Apache-2.0
// Tasks that have nothing to do with a scenario and go about their own business, and one that looks at those
// of the scenario. Each is a series of traps in a process of its own.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "proof/world.hpp"

namespace portolan::stages {

struct Bystander {
  std::string name;
  uint32_t slot;
  bool related;         // wants the scenario's objects
  bool needs_messages;  // makes some, or reserves them
  std::function<void()> business;
};

// Makes their tasks. `spaces`: those of the scenario, when their business begins.
std::vector<Bystander> bystanders(proof::World& world, const std::vector<Handle<ipc::Space>>& spaces);

}  // namespace portolan::stages
