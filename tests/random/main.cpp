// SPDX-License-Identifier: Apache-2.0
// random: random programs on the kernel and on the model, until they disagree (docs/testing.md).
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "random/mutants.hpp"
#include "random/print.hpp"
#include "random/shrink.hpp"

using namespace portolan::random;
using portolan::ipc::Mutant;

namespace {

constexpr unsigned kDisagreementsShown = 10;
constexpr unsigned kTasksMax = 4;

struct Options {
  uint64_t operations = 100000, seed = 1;
  unsigned tasks = 0;  // 0: 1 to 4, by chance
  bool shrink = false;
  bool mutants = false;
};

void usage(FILE* to) {
  fputs(
      "usage: random [--ops N] [--seed S] [--tasks 1-4] [--shrink] [--mutant NAME | --mutants | "
      "--list-mutants]\n"
      "Makes up programs of mach_port and mach_msg calls and compares the kernel with the model after each "
      "call.\n"
      "  --ops N          stop after so many calls (100000)\n"
      "  --seed S         where to begin; a disagreement is shown with its own seed: --seed S --ops 1 "
      "repeats it\n"
      "  --tasks N        tasks in each program; from 1 to 4 unless given\n"
      "  --shrink         make programs that show a disagreement short, and write them in C: random-SEED.c\n"
      "  --mutant NAME    on a kernel that is wrong on purpose; --list-mutants names them\n"
      "  --mutants        on all of them, one after another: each must be caught within the calls given\n",
      to);
}

void progress(uint64_t made, const Options& options, uint64_t disagreements) {
  if (!isatty(STDERR_FILENO)) return;
  fprintf(stderr, "\r%llu of %llu operations, %llu disagreements ", static_cast<unsigned long long>(made),
          static_cast<unsigned long long>(options.operations),
          static_cast<unsigned long long>(disagreements));
  if (made >= options.operations) fputs("\r\033[K", stderr);
}

void show(const Options& options, uint64_t seed, Plan plan, const Disagreement& wrong) {
  printf("seed %llu, %u tasks, call %u of %zu: %s\n", static_cast<unsigned long long>(seed), plan.tasks,
         wrong.call + 1, plan.program.size(), wrong.what.c_str());
  if (!options.shrink) return;
  plan = shrink(std::move(plan));
  const auto still = run(plan);
  print_program(plan, seed, still ? still->what : "it takes more than the program to see it again");
}

// Calls made and disagreements found.
struct Tally {
  uint64_t operations = 0, disagreements = 0;
};

Tally run_all(const Options& options, uint64_t stop_at) {
  Tally tally;
  static constexpr uint32_t kLengths[] = {30, 100, 300, 1000};
  for (uint64_t n = 0; tally.operations < options.operations && tally.disagreements < stop_at; n++) {
    SeededDice dice(options.seed + n);
    Plan plan;
    plan.tasks = 1 + dice.below(kTasksMax);
    if (options.tasks != 0) plan.tasks = options.tasks;
    const auto wrong = run_random(dice, kLengths[dice.below(4)], plan);
    tally.operations += plan.program.size();
    if (wrong) {
      tally.disagreements++;
      if (!options.mutants) show(options, options.seed + n, plan, *wrong);
    }
    progress(tally.operations, options, tally.disagreements);
  }
  return tally;
}

// Every wrong kernel has to be found out.
int run_mutants(const Options& options) {
  int missed = 0;
  for (unsigned i = 1; i < static_cast<unsigned>(Mutant::count); i++) {
    portolan::ipc::active_mutant = static_cast<Mutant>(i);
    const Tally tally = run_all(options, 1);
    missed += tally.disagreements == 0;
    printf("%-22s %s %llu operations\n", mutant_name(portolan::ipc::active_mutant),
           tally.disagreements != 0 ? "caught after" : "NOT CAUGHT within",
           static_cast<unsigned long long>(tally.operations));
  }
  printf("random: %u mutants, %d not caught, seed %llu\n", static_cast<unsigned>(Mutant::count) - 1, missed,
         static_cast<unsigned long long>(options.seed));
  return missed == 0 ? 0 : 1;
}

bool choose_mutant(const char* name) {
  for (unsigned i = 0; i < static_cast<unsigned>(Mutant::count); i++) {
    if (strcmp(name, mutant_name(static_cast<Mutant>(i))) != 0) continue;
    portolan::ipc::active_mutant = static_cast<Mutant>(i);
    return true;
  }
  return false;
}

void list_mutants() {
  for (unsigned i = 1; i < static_cast<unsigned>(Mutant::count); i++)
    puts(mutant_name(static_cast<Mutant>(i)));
}

// -1: go on; otherwise the exit status.
int parse(int argc, char** argv, Options& options) {
  for (int i = 1; i < argc; i++) {
    const char* const word = argv[i];
    const char* const value = i + 1 < argc ? argv[i + 1] : nullptr;
    if (strcmp(word, "--help") == 0) return usage(stdout), 0;
    if (strcmp(word, "--list-mutants") == 0) return list_mutants(), 0;
    if (strcmp(word, "--shrink") == 0) {
      options.shrink = true;
    } else if (strcmp(word, "--mutants") == 0) {
      options.mutants = true;
    } else if (value == nullptr) {
      return usage(stderr), 2;
    } else if (strcmp(word, "--ops") == 0) {
      options.operations = strtoull(argv[++i], nullptr, 0);
    } else if (strcmp(word, "--seed") == 0) {
      options.seed = strtoull(argv[++i], nullptr, 0);
    } else if (strcmp(word, "--tasks") == 0) {
      options.tasks = static_cast<unsigned>(strtoul(argv[++i], nullptr, 0));
      if (options.tasks < 1 || options.tasks > kTasksMax) return usage(stderr), 2;
    } else if (strcmp(word, "--mutant") != 0 || !choose_mutant(argv[++i])) {
      return usage(stderr), 2;
    }
  }
  return -1;
}

}  // namespace

int main(int argc, char** argv) {
  Options options;
  const int status = parse(argc, argv, options);
  if (status >= 0) return status;
  if (options.mutants) return run_mutants(options);
  const Tally tally = run_all(options, kDisagreementsShown);
  printf("random: %llu operations, %llu disagreements, seed %llu\n",
         static_cast<unsigned long long>(tally.operations),
         static_cast<unsigned long long>(tally.disagreements), static_cast<unsigned long long>(options.seed));
  return tally.disagreements == 0 ? 0 : 1;
}
