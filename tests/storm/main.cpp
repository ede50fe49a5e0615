// SPDX-License-Identifier: Apache-2.0
// storm: processes that pass rights around in a ring, and are killed at random. Usage: docs/proof.md.
#include <stdio.h>
#include <stdlib.h>

#include <algorithm>
#include <string>

#include "segment/futex.hpp"
#include "storm/ledger.hpp"
#include "storm/life.hpp"
#include "storm/master.hpp"

namespace {

using namespace portolan::storm;

const char kUsage[] =
    "usage: storm [--seconds N] [--kills N] [--least N] [--processes N] [--pause MS] [--seed N]\n"
    "  --seconds N    how long (60; no limit with --kills alone)\n"
    "  --kills N      or until so many are killed\n"
    "  --least N      but not before so many are, unless that takes four times as long\n"
    "  --processes N  in the ring (24)\n"
    "  --pause MS     between two strikes, on average (8)\n"
    "  --seed N       of all that is random (the clock's)\n";

struct Arguments {
  Plan plan;
  bool help = false;
};

bool parse(int count, char** words, Arguments& arguments) {
  Plan& plan = arguments.plan;
  bool seconds = false, kills = false;
  for (int i = 1; i < count; i++) {
    const std::string word = words[i];
    if (word == "--help") {
      arguments.help = true;
      continue;
    }
    if (i + 1 == count) return false;
    const char* value = words[++i];
    const uint64_t number = strtoull(value, nullptr, 10);
    if (word == "--seconds")
      plan.seconds = number, seconds = true;
    else if (word == "--kills")
      plan.kills = number, kills = true;
    else if (word == "--least")
      plan.least = number;
    else if (word == "--processes")
      plan.processes = std::clamp(static_cast<unsigned>(number), 2u, kPlacesMost);
    else if (word == "--pause")
      plan.pause_ms = strtod(value, nullptr);
    else if (word == "--seed")
      plan.seed = number;
    else
      return false;
  }
  if (kills && !seconds) plan.seconds = 24 * 3600;
  if (plan.seed == 0) plan.seed = portolan::monotonic_ns();
  return true;
}

// A process of the storm that has exec'd: storm --live LEDGER PLACE LIFE.
[[noreturn]] void go_on_living(char** words) {
  Ledger* ledger = find_ledger(atoi(words[0]));
  if (ledger == nullptr) _Exit(1);
  live(*ledger, static_cast<unsigned>(atoi(words[1])), static_cast<uint32_t>(atoi(words[2])));
}

}  // namespace

int main(int count, char** words) {
  if (count == 5 && std::string(words[1]) == "--live") go_on_living(words + 2);
  Arguments arguments;
  if (!parse(count, words, arguments)) {
    fputs(kUsage, stderr);
    return 2;
  }
  if (arguments.help) {
    fputs(kUsage, stdout);
    return 0;
  }
  setvbuf(stdout, nullptr, _IOLBF, 0);
  return run_storm(arguments.plan);
}
