// SPDX-License-Identifier: Apache-2.0
// The fuzzer's bytes take the place of chance in the making of a program, which runs on the kernel and on the
// model.
#include <stdio.h>
#include <stdlib.h>

#include "random/shrink.hpp"

using namespace portolan::random;

namespace {

// Small choices take a byte, larger ones two or four.
class ByteDice final : public Dice {
 public:
  ByteDice(const uint8_t* data, size_t size) : data_(data), left_(size) {}
  uint32_t below(uint32_t n) override {
    uint32_t value = byte();
    if (n > 0x100) value = value << 8 | byte();
    if (n > 0x10000) value = value << 16 | byte() << 8 | byte();
    return value % n;
  }
  bool empty() const override { return left_ == 0; }

 private:
  uint32_t byte() {
    if (left_ == 0) return 0;
    left_--;
    return *data_++;
  }
  const uint8_t* data_;
  size_t left_;
};

constexpr uint32_t kCallsMost = 400;

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  ByteDice dice(data, size);
  Plan plan;
  plan.tasks = 1 + dice.below(3);
  const auto wrong = run_random(dice, kCallsMost, plan);
  if (!wrong) return 0;
  fprintf(stderr, "%s\n", wrong->what.c_str());
  plan = shrink(plan);
  for (const Call& call : plan.program) fprintf(stderr, "%s\n", describe(call).c_str());
  abort();
}
