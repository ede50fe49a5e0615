// SPDX-License-Identifier: Apache-2.0
// random: random programs against the model (docs/testing.md).
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "random/shrink.hpp"

using namespace portolan::random;

int main(int argc, char** argv) {
  uint64_t operations = 100000, seed = 1;
  unsigned tasks = 0;
  bool want_shrink = false;
  for (int i = 1; i < argc; i++) {
    if (!strcmp(argv[i], "--ops")) operations = strtoull(argv[++i], nullptr, 0);
    if (!strcmp(argv[i], "--seed")) seed = strtoull(argv[++i], nullptr, 0);
    if (!strcmp(argv[i], "--tasks")) tasks = static_cast<unsigned>(atoi(argv[++i]));
    if (!strcmp(argv[i], "--shrink")) want_shrink = true;
  }
  uint64_t made = 0, disagreements = 0;
  for (uint64_t n = 0; made < operations; n++) {
    SeededDice dice(seed + n);
    Plan plan;
    plan.tasks = tasks != 0 ? tasks : 1 + dice.below(3);
    static constexpr uint32_t kLengths[] = {30, 100, 300, 1000};
    auto wrong = run_random(dice, kLengths[dice.below(4)], plan);
    made += plan.program.size();
    if (!wrong) continue;
    disagreements++;
    printf("seed %llu, call %u of %zu: %s\n", (unsigned long long)(seed + n), wrong->call, plan.program.size(), wrong->what.c_str());
    if (want_shrink) {
      plan = shrink(plan);
      for (const Call& call : plan.program) printf("  %s\n", describe(call).c_str());
      if (auto again = run(plan)) printf("  -> %s\n", again->what.c_str());
    }
    if (disagreements >= 10) break;
  }
  printf("random: %llu operations, %llu disagreements, seed %llu\n", (unsigned long long)made, (unsigned long long)disagreements, (unsigned long long)seed);
  return disagreements != 0;
}
