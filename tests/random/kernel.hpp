// SPDX-License-Identifier: Apache-2.0
// The kernel, with a few tasks in one process.
#pragma once

#include "random/memory.hpp"
#include "support/domain.hpp"

namespace portolan::random {

// A call with its names filled in.
struct Ready {
  const Call& call;
  Name name = 0, name2 = 0;
  uint32_t send_size = 0;  // of the message in the buffer
};

class Kernel {
 public:
  explicit Kernel(unsigned tasks);
  Outcome perform(const Ready& ready);
  struct Listed {
    Name name;
    uint32_t type, urefs;
    bool operator==(const Listed&) const = default;
  };
  std::vector<Listed> names(unsigned task);
  // The generation that a slot has now; 0: never used.
  uint8_t generation(unsigned task, uint32_t index);
  model::Sender sender(unsigned task);
  // Every broken invariant; empty when sound.
  std::string fsck() { return domain_.fsck(); }
  // All tasks end; what is then wrong, or was not given back.
  std::string close();
  Arena& arena() { return arena_; }

 private:
  kern_return_t call(const Ready& ready, Outcome& out);
  mach_msg_return_t message(const Ready& ready, Outcome& out);

  Arena arena_;
  KernelMemory memory_{arena_};
  test::TestDomain domain_;
  std::vector<test::TestTask*> tasks_;
};

}  // namespace portolan::random
