// SPDX-License-Identifier: Apache-2.0
// stages: two threads in the kernel at once, one of them parked at any instruction. Usage: docs/proof.md.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <algorithm>

#include "stages/faults.hpp"
#include "stages/lives.hpp"
#include "stages/pairs.hpp"
#include "stages/signals.hpp"
#include "stages/stage.hpp"
#include "stages/stops.hpp"

namespace portolan::stages {

namespace {

struct Arguments {
  std::string what;
  std::vector<std::string> wanted;
  bool quick = false, list = false;
  uint64_t seed = 1;
  unsigned jobs = 0, every = 0;

  bool wants(const char* name) const {
    if (wanted.empty()) return true;
    for (const std::string& one : wanted)
      if (one == name) return true;
    return false;
  }
};

const char kUsage[] =
    "usage: stages pairs|stops|signals|lives|faults [--only NAME]... [--quick] [--list] [--every N] [--seed "
    "N] [--jobs "
    "N]\n"
    "       stages self-check\n"
    "  pairs         two traps meet on the same objects, and die\n"
    "  stops         a thread is stopped in each scenario of killpoints, and others go on\n"
    "  signals       a real program gets a signal at each instruction of a trap\n"
    "  lives         real processes join, fork, exec and end, and are killed on the way\n"
    "  faults        the same, and more, with one system call after the other that fails\n"
    "  --only NAME   only these\n"
    "  --list        the pairs, and what they are about\n"
    "  --quick       few of the states\n"
    "  --every N     of so many distinct states one; 1: all\n"
    "  self-check    breaks the kernel on purpose, and sees whether it is noticed\n";

bool parse(int count, char** words, Arguments& arguments) {
  if (count < 2) return false;
  arguments.what = words[1];
  for (int i = 2; i < count; i++) {
    const std::string word = words[i];
    const char* value = i + 1 < count ? words[i + 1] : nullptr;
    if (word == "--quick") {
      arguments.quick = true;
    } else if (word == "--list") {
      arguments.list = true;
    } else if (value == nullptr) {
      return false;
    } else if (word == "--only") {
      arguments.wanted.push_back(value);
      i++;
    } else if (word == "--seed") {
      arguments.seed = strtoull(value, nullptr, 10);
      i++;
    } else if (word == "--every") {
      arguments.every = static_cast<unsigned>(strtoul(value, nullptr, 10));
      i++;
    } else if (word == "--jobs") {
      arguments.jobs = static_cast<unsigned>(strtoul(value, nullptr, 10));
      i++;
    } else {
      return false;
    }
  }
  return true;
}

uint64_t total(const std::vector<Job>& jobs, unsigned count) {
  uint64_t sum = 0;
  for (const Job& job : jobs) sum += job.tally->count[count];
  return sum;
}
uint64_t violations(const std::vector<Job>& jobs) {
  uint64_t sum = 0;
  for (const Job& job : jobs) sum += job.tally->violations;
  return sum;
}

unsigned long long wide(uint64_t value) { return value; }

int pairs(const Arguments& arguments) {
  PairOptions options;
  options.seed = arguments.seed;
  options.every = arguments.every != 0 ? arguments.every : arguments.quick ? 12 : 3;
  if (arguments.quick) options.samples = 1;
  std::vector<Job> jobs;
  for (const ListedMeeting& one : meetings()) {
    if (arguments.list) printf("%-28s %s\n", one.name, one.about);
    if (arguments.list || !arguments.wants(one.name)) continue;
    for (bool swapped : {false, true})
      jobs.push_back({std::string(one.name) + (swapped ? ", second parked" : ""),
                      [&one, swapped, &options](Tally& tally) { prove_pair(one, swapped, options, tally); },
                      nullptr});
  }
  if (arguments.list) return 0;
  printf("%-34s %9s %9s %9s %9s %9s %6s\n", "pair", "steps", "states", "tried", "waited", "sampled", "wrong");
  run_jobs(jobs, kPairCounts, arguments.jobs);
  const uint64_t wrong = violations(jobs);
  printf("pairs: %llu states, %llu tried, %llu waited for a lock, %llu violations\n",
         wide(total(jobs, kPairStates)), wide(total(jobs, kPairTried)), wide(total(jobs, kPairWaited)),
         wide(wrong));
  return wrong == 0 && !jobs.empty() ? 0 : 1;
}

void print_kinds(const std::vector<Job>& jobs) {
  printf("%-34s %9s %9s %9s\n", "lock held by the stopped thread", "states", "went on", "waited");
  for (unsigned kind = 0; kind < static_cast<unsigned>(LockKind::kKinds); kind++) {
    uint64_t sums[3] = {};
    for (const Job& job : jobs)
      for (unsigned i = 0; i < 3; i++) sums[i] += job.tally->kind[kind][i];
    printf("%-34s %9llu %9llu %9llu\n", lock_kind_name(static_cast<LockKind>(kind)), wide(sums[0]),
           wide(sums[1]), wide(sums[2]));
  }
}

int stops(const Arguments& arguments) {
  StopOptions options;
  options.every = arguments.every != 0 ? arguments.every : arguments.quick ? 100 : 8;
  options.seed = arguments.seed;
  const std::vector<proof::Listed> all = proof::all_scenarios();
  std::vector<Job> jobs;
  for (const proof::Listed& one : all)
    if (arguments.wants(one.name))
      jobs.push_back(
          {one.name, [&one, &options](Tally& tally) { prove_stops(one, options, tally); }, nullptr});
  printf("%-34s %9s %9s %9s %9s %9s %6s\n", "scenario", "steps", "states", "tried", "went on", "waited",
         "wrong");
  run_jobs(jobs, kStopCounts, arguments.jobs);
  print_kinds(jobs);
  const uint64_t wrong = violations(jobs);
  printf("stops: %llu states, stopped in %llu, %llu operations went on, %llu waited, %llu violations\n",
         wide(total(jobs, kStopStates)), wide(total(jobs, kStopTried)), wide(total(jobs, kStopWentOn)),
         wide(total(jobs, kStopWaited)), wide(wrong));
  return wrong == 0 && !jobs.empty() ? 0 : 1;
}

int signals(const Arguments& arguments) {
  SignalOptions options;
  options.seed = arguments.seed;
  if (arguments.quick) options.most = 5;
  std::vector<Job> jobs;
  for (const char* const* trap = kSignalTraps; *trap != nullptr; trap++)
    for (const char* how : {"returns", "jumps"})
      if (arguments.wants(*trap))
        jobs.push_back({std::string(*trap) + ", handler " + how,
                        [trap, how, &options](Tally& tally) { prove_signals(*trap, how, options, tally); },
                        nullptr});
  printf("%-34s %9s %9s %9s %6s\n", "trap", "steps", "signals", "fsck", "wrong");
  run_jobs(jobs, kSignalCounts, arguments.jobs);
  const uint64_t wrong = violations(jobs);
  printf("signals: %llu sent at as many instructions of %llu, %llu violations\n",
         wide(total(jobs, kSignalSent)), wide(total(jobs, kSignalSteps)), wide(wrong));
  return wrong == 0 && !jobs.empty() ? 0 : 1;
}

int lives(const Arguments& arguments) {
  LifeOptions options;
  options.seed = arguments.seed;
  if (arguments.quick) options.most = 5;
  if (arguments.every != 0) options.every = arguments.every, options.most = 1u << 30;
  std::vector<Job> jobs;
  for (unsigned i = 0; i < kLivesCount; i++) {
    const Life& life = kLives[i];
    if (arguments.list) printf("%-28s %s\n", life.name, life.about);
    if (arguments.list || !life.stepped || !arguments.wants(life.name)) continue;
    jobs.push_back(
        {life.name, [&life, &options](Tally& tally) { prove_life(life, options, tally); }, nullptr});
  }
  if (arguments.list) return 0;
  printf("%-34s %9s %9s %9s %9s %9s %6s\n", "life", "steps", "states", "calls", "kills", "both", "wrong");
  run_jobs(jobs, kLifeCounts, arguments.jobs);
  const uint64_t wrong = violations(jobs);
  printf(
      "lives: %llu kills, %llu of them with launchd, at %llu states and %llu system calls, %llu violations\n",
      wide(total(jobs, kLifeKills)), wide(total(jobs, kLifeBoth)), wide(total(jobs, kLifeStates)),
      wide(total(jobs, kLifeCalls)), wide(wrong));
  return wrong == 0 && !jobs.empty() ? 0 : 1;
}

int faults(const Arguments& arguments) {
  FaultOptions options;
  options.seed = arguments.seed;
  options.every = arguments.every != 0 ? arguments.every : arguments.quick ? 40 : 1;
  FaultKinds* kinds = make_fault_kinds();
  std::vector<Job> jobs;
  for (unsigned i = 0; i < kLivesCount; i++) {
    const Life& life = kLives[i];
    if (arguments.list) printf("%-28s %s\n", life.name, life.about);
    if (arguments.list || !arguments.wants(life.name)) continue;
    jobs.push_back({life.name,
                    [&life, &options, kinds](Tally& tally) { prove_faults(life, options, *kinds, tally); },
                    nullptr});
  }
  if (arguments.list) return 0;
  printf("%-34s %9s %9s %9s %6s\n", "what is done", "calls", "failed", "refused", "wrong");
  run_jobs(jobs, kFaultCounts, arguments.jobs);
  print_fault_kinds(*kinds);
  const uint64_t wrong = violations(jobs);
  printf("faults: %llu failures of %llu system calls, %llu refused, %llu violations\n",
         wide(total(jobs, kFaultTried)), wide(total(jobs, kFaultCalls)), wide(total(jobs, kFaultRefused)),
         wide(wrong));
  return wrong == 0 && !jobs.empty() ? 0 : 1;
}

// A proof that cannot fail proves nothing.
int self_check() {
  const std::vector<proof::Listed> all = proof::all_scenarios();
  PairOptions pair;
  pair.every = 8;
  pair.samples = 0;
  pair.sabotage = 2;
  const StopOptions stop{.every = 8, .sabotage = true};
  SignalOptions signal;
  signal.most = 20;
  const LifeOptions life{.most = 1, .sabotage = true};
  const auto send = std::find_if(all.begin(), all.end(),
                                 [](const proof::Listed& one) { return strcmp(one.name, "send") == 0; });
  const auto attaches = std::find_if(kLives, kLives + kLivesCount,
                                     [](const Life& one) { return strcmp(one.name, "attaches") == 0; });
  std::vector<Job> jobs = {
      {"pairs: a lock is not noted",
       [&](Tally& tally) { prove_pair(meetings().front(), false, pair, tally); }, nullptr},
      {"stops: a lock names another holder", [&](Tally& tally) { prove_stops(*send, stop, tally); }, nullptr},
      {"signals: a handler inside a section",
       [&](Tally& tally) { prove_signals("send", "raw", signal, tally); }, nullptr},
      {"lives: one that is not killed", [&](Tally& tally) { prove_life(*attaches, life, tally); }, nullptr},
  };
  run_jobs(jobs, 0, 0);
  unsigned noticed = 0;
  for (const Job& job : jobs) noticed += job.tally->violations != 0;
  printf("self-check: %u of %zu planted bugs noticed\n", noticed, jobs.size());
  return noticed == jobs.size() ? 0 : 1;
}

int go(int count, char** words) {
  Arguments arguments;
  if (parse(count, words, arguments)) {
    if (arguments.what == "self-check") return self_check();
    if (arguments.what == "pairs") return pairs(arguments);
    if (arguments.what == "stops") return stops(arguments);
    if (arguments.what == "signals") return signals(arguments);
    if (arguments.what == "lives") return lives(arguments);
    if (arguments.what == "faults") return faults(arguments);
  }
  fputs(kUsage, stderr);
  return 2;
}

}  // namespace

}  // namespace portolan::stages

int main(int count, char** words) { return portolan::stages::go(count, words); }
