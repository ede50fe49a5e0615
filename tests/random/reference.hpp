// SPDX-License-Identifier: Apache-2.0
// The model, asked in the same way as the kernel.
#pragma once

#include "random/kernel.hpp"

namespace portolan::random {

class Reference final : private model::Chooser {
 public:
  // Asks `kernel` what the rules leave open.
  Reference(Kernel& kernel, unsigned tasks);
  // `message`: what the buffer held before the kernel made the call; `seen`: what the kernel answered, for
  // what is open.
  Outcome perform(const Ready& ready, const Bytes& message, const Outcome& seen);
  std::vector<Kernel::Listed> names(unsigned task);
  const model::Space& space(unsigned task) const { return *tasks_[task]; }
  bool has_message(const model::Entry& entry) const;

 private:
  uint32_t lowest_or_highest(const model::Space& space, uint32_t lowest, uint32_t highest) override;
  bool cycle_ends(const model::Space& space, uint32_t index, uint8_t generation) override;
  bool is_it(const model::Message& message) override;
  unsigned place_of(const model::Space& space) const;
  kern_return_t call(const Ready& ready, Outcome& out);
  mach_msg_return_t message(const Ready& ready, Bytes buffer, Outcome& out);

  Kernel& kernel_;
  ModelMemory memory_;
  model::Model model_{*this};
  std::vector<model::Space*> tasks_;
  const Outcome* seen_ = nullptr;
  const Ready* ready_ = nullptr;
};

}  // namespace portolan::random
