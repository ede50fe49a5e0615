// SPDX-License-Identifier: Apache-2.0
// A stretch of the library's own code that handlers of asynchronous signals must not run inside, because it
// holds a lock that the handler may want: they are put off to its end, as in a trap. Traps may be made
// inside. What waits in one, waits in a trap, which is interrupted by what comes inside, or in a system call
// that ThreadContext::poke ends, and looks first at what came before (ThreadContext::deferred).
#pragma once

#include "traps/runtime.hpp"

namespace portolan {

class Section {
 public:
  Section();
  ~Section();
  Section(const Section&) = delete;
  Section& operator=(const Section&) = delete;

 private:
  ThreadContext& context_;
  uint32_t outer_;
  bool covers_;  // no trap is below it
};

// A Section around a fork, which ends in the child, too. What was deferred by then is the parent's alone.
void fork_section_begin();
void fork_section_end_in_parent();
void fork_section_end_in_child();

}  // namespace portolan
