// SPDX-License-Identifier: Apache-2.0
// Makes up calls, one at a time, from what the model says is there: most names are used for what they can do,
// some for what they cannot.
#pragma once

#include <random>

#include "random/reference.hpp"

namespace portolan::random {

// Where choices come from: a random generator, or the bytes of a fuzzer.
class Dice {
 public:
  virtual ~Dice() = default;
  virtual uint32_t below(uint32_t n) = 0;       // n > 0
  virtual bool empty() const { return false; }  // no more choices: the program ends here
  bool one_in(uint32_t n) { return below(n) == 0; }
};

class SeededDice final : public Dice {
 public:
  explicit SeededDice(uint64_t seed) : engine_(seed) {}
  uint32_t below(uint32_t n) override { return static_cast<uint32_t>(engine_() % n); }

 private:
  std::mt19937_64 engine_;
};

// Where names came from.
class Origins {
 public:
  virtual ~Origins() = default;
  virtual Operand origin(unsigned task, Name name) const = 0;
  // A name that task once had.
  virtual Operand stale(unsigned task, Dice& dice) const = 0;
};

class Generator {
 public:
  Generator(Dice& dice, const Reference& reference, const Origins& origins, unsigned tasks)
      : dice_(dice), reference_(reference), origins_(origins), tasks_(tasks) {}
  Call next();

 private:
  Operand pick(unsigned task, uint32_t types);            // a name with one of these rights, as a rule
  Operand pick_for(unsigned task, uint32_t disposition);  // ... that this disposition can be used on
  Operand pick_foreign(unsigned task);
  Operand odd(unsigned task);
  uint32_t disposition(bool body);
  uint32_t odd_number();
  void fill(Call& call);
  void fill_send(Call& call);
  void fill_receive(Call& call);
  DescriptorPlan descriptor(unsigned task);
  uint32_t count(unsigned task, uint32_t types) const;
  bool crowded(unsigned task) const;

  Dice& dice_;
  const Reference& reference_;
  const Origins& origins_;
  const unsigned tasks_;
};

}  // namespace portolan::random
