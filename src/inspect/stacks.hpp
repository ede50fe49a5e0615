// SPDX-License-Identifier: Apache-2.0
// The call stacks of a snapshot, with names: which call into the library acquired, from where, and who is to
// blame.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "inspect/snapshot.hpp"
#include "inspect/symbols.hpp"

namespace portolan::inspect {

struct Stack {
  std::string call;           // "mach_thread_self"; empty: unknown
  std::vector<Frame> frames;  // the program's, innermost first
  size_t guilty = 0;          // the innermost outside libc, Portolan and what is to be ignored
  bool known = false;         // false: no stack was recorded
  bool cut = false;           // it went on beyond what was recorded

  const Frame* guilty_frame() const { return guilty < frames.size() ? &frames[guilty] : nullptr; }
};

bool glob_match(const std::string& pattern, const std::string& text);

class Stacks {
 public:
  // `ignored`: globs of functions that are never to blame.
  Stacks(const Snapshot& snapshot, Symbols& symbols, std::vector<std::string> ignored = {});
  const Stack& of(uint32_t site);

 private:
  bool blameless(const Frame& frame) const;

  const Snapshot& snapshot_;
  Symbols& symbols_;
  std::vector<std::string> ignored_;
  std::map<uint32_t, Stack> stacks_;
};

}  // namespace portolan::inspect
