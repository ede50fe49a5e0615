// SPDX-License-Identifier: Apache-2.0
// What a process of tests/programs/lives.c does under the debugger: which there are, and where each begins.
#pragma once

#include <memory>
#include <string>

#include "stages/scene.hpp"
#include "stages/traced.hpp"

namespace portolan::stages {

enum class Begins : unsigned {
  loaded,  // where the library is loaded
  where_it_says,
  in_child,  // … and forks: with the child's first instruction
  execed,    // … and becomes another program: where the library is loaded there
  launchd,   // as launchd, when a task has died and launchd too
};

struct Life {
  const char* name;
  const char* about;
  const char* program;  // what it is told to do
  Begins begins;
  bool founds;   // in a domain that is not there yet
  bool stepped;  // worth being killed at all its states: what kill points do not know
};
extern const Life kLives[];
extern const unsigned kLivesCount;

// One that stands where it begins; null: it does not get there, and `failure` says why.
std::unique_ptr<Traced> begin_life(const Life& life, const std::string& directory, std::string& failure);
// launchd is about to wait for something to happen: it has started.
bool launchd_rests(const Call& call);
// A task has died, launchd too, and nobody starts another before the scene is released.
bool bereave(const Scene& scene);
// What is not well in a domain that one process only has seen: whoever comes next finds it or makes one, and
// it goes with the last of them.
std::string wrong_alone(const user::Domain& domain);

}  // namespace portolan::stages
