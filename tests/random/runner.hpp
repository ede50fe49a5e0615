// SPDX-License-Identifier: Apache-2.0
// Runs a program on the kernel and on the model, and stops where they disagree.
#pragma once

#include <map>
#include <optional>

#include "random/generator.hpp"

namespace portolan::random {

struct Disagreement {
  uint32_t call = 0;  // place in the program; its size: at the end
  std::string what;
};

class Runner final : public Origins {
 public:
  explicit Runner(unsigned tasks);

  // Makes one call on both sides. Nothing: they agree.
  std::optional<std::string> step(const Call& call);
  // Whole spaces, and fsck.
  std::optional<std::string> compare_all();
  // Receives everything, ends all tasks, and looks once more.
  std::optional<std::string> finish();

  const Reference& reference() const { return reference_; }
  // What the model expected of the last call.
  const Outcome& expected() const { return expected_; }
  Name resolve(const Operand& operand) const;

  Operand origin(unsigned task, Name name) const override;
  Operand stale(unsigned task, Dice& dice) const override;

 private:
  std::optional<std::string> drain();
  void remember(const Call& call, const Outcome& outcome);

  const unsigned tasks_;
  Kernel kernel_;
  Reference reference_;
  Outcome expected_;
  std::map<uint32_t, std::vector<Name>> brought_;  // by call
  std::vector<std::map<Name, Operand>> origins_;   // by task
  std::vector<std::vector<Operand>> all_names_;    // by task
};

// How many tasks, and the calls.
struct Plan {
  unsigned tasks = 2;
  Program program;
};

// Makes up a program while running it. A disagreement ends it there.
std::optional<Disagreement> run_random(Dice& dice, uint32_t length, Plan& plan);
std::optional<Disagreement> run(const Plan& plan);

}  // namespace portolan::random
