// SPDX-License-Identifier: Apache-2.0
// planted: kernels that are wrong on purpose (segment/planted.hpp), one after another, and the tests of dying
// run on each: is every one caught, and the right one not? Usage: docs/proof.md.
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <string>
#include <vector>

#include "planted/duel.hpp"
#include "proof/prove.hpp"
#include "proof/sabotage.hpp"
#include "segment/futex.hpp"
#include "segment/planted.hpp"

namespace portolan::proof {

namespace {

struct Bug {
  Planted planted;
  const char* name;
  const char* scenario;  // of the kill points that it must not survive; nullptr: the duel
};

constexpr Bug kBugs[] = {
    {Planted::unlogged_write, "unlogged-write", "send"},
    {Planted::early_commit, "early-commit", "send-waiting"},
    {Planted::forgotten_hold, "forgotten-hold", "send-memory"},
    {Planted::lost_wake, "lost-wake", "receive-full"},
    {Planted::early_free, "early-free", "receive"},
    {Planted::unnoted_lock, "unnoted-lock", "send"},
    {Planted::sleeps_with_locks, "sleeps-with-locks", nullptr},
    {Planted::unlocked_early, "unlocked-early", nullptr},
};
static_assert(std::size(kBugs) + 1 == static_cast<size_t>(Planted::count));

constexpr uint64_t kRounds = 1000;  // of a duel, at most …
constexpr uint64_t kRight = 20;     // … and of one that nothing may come of

struct Caught {
  std::string tool, what;
  uint64_t tried = 0;
  double seconds = 0;
};

Caught by_kill_points(Planted planted, const char* name) {
  Row* row = make_row();
  fflush(nullptr);
  const pid_t pid = fork();
  if (pid == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    active_planted = planted;
    Options options;
    options.kills = 0;
    options.deep = 0;
    options.enough = 1;
    options.hang_ns = 3'000'000'000;
    for (const Listed& one : all_scenarios())
      if (strcmp(one.name, name) == 0) prove(one, options, *row);
    _exit(0);
  }
  int status = 0;
  waitpid(pid, &status, 0);
  Caught caught{std::string("kill points, ") + name, "", row->tried, 0};
  if (row->done == 0)
    caught.what = "the scenario does not come to its end";
  else if (row->findings != 0)
    caught.what = row->finding[0].what;
  munmap(row, sizeof(Row));
  return caught;
}

Caught by_duel(Planted planted, uint64_t rounds) {
  active_planted = planted;
  const DuelEnd end = duel(rounds, 1);
  active_planted = Planted::none;
  return {"duel", end.wrong, end.rounds, 0};
}

Caught try_bug(Planted planted, const char* scenario, uint64_t rounds) {
  const uint64_t begun = monotonic_ns();
  Caught caught = scenario != nullptr ? by_kill_points(planted, scenario) : by_duel(planted, rounds);
  caught.seconds = static_cast<double>(monotonic_ns() - begun) / 1e9;
  return caught;
}

void print(const char* name, const Caught& caught) {
  const std::string first = caught.what.substr(0, caught.what.find('\n'));
  printf("%-18s %-27s %5llu tried %5.1f s  %s\n", name, caught.tool.c_str(),
         static_cast<unsigned long long>(caught.tried), caught.seconds,
         caught.what.empty() ? "nothing wrong" : first.c_str());
  fflush(stdout);
}

int run() {
  unsigned caught = 0, alarms = 0;
  for (const Bug& bug : kBugs) {
    // What must not be found on the right kernel is looked for in the same place.
    const Caught right = try_bug(Planted::none, bug.scenario, kRight);
    if (!right.what.empty()) {
      print("FALSE ALARM", right);
      alarms++;
    }
    const Caught wrong = try_bug(bug.planted, bug.scenario, kRounds);
    print(bug.name, wrong);
    caught += !wrong.what.empty();
  }
  printf("planted: %zu bugs, %u caught, %u false alarms\n", std::size(kBugs), caught, alarms);
  return caught == std::size(kBugs) && alarms == 0 ? 0 : 1;
}

}  // namespace

}  // namespace portolan::proof

int main(int count, char** words) {
  const bool help = count == 2 && strcmp(words[1], "--help") == 0;
  if (count == 1) return portolan::proof::run();
  fputs("usage: planted\n", help ? stdout : stderr);
  return help ? 0 : 2;
}
