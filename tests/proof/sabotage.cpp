// SPDX-License-Identifier: Apache-2.0
#include "proof/sabotage.hpp"

#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstddef>
#include <string>

namespace portolan::proof {

namespace {

constexpr size_t kLog = offsetof(ThreadSlot, log_length);
constexpr size_t kHold = offsetof(ThreadSlot, frames) + offsetof(Frame, holds);

struct Plant {
  const char* scenario;
  Sabotage sabotage;
  const char* what;
};

// One of each kind; each has to be noticed.
constexpr Plant kPlants[] = {
    {"send", {kLog, 15}, "an old value is not noted"},
    {"send-waiting", {offsetof(ThreadSlot, owed_count), 1}, "a wake is not owed"},
    {"send-memory", {kHold, 1}, "what is in hand is not noted"},
    {"send-waiting", {offsetof(ThreadSlot, held_count), 4}, "a lock is not noted"},
    {"receive", {offsetof(ThreadSlot, pending_count), 1}, "an element is not freed"},
    {"mod-refs-receive", {offsetof(ThreadSlot, work_head), 1}, "work is forgotten"},
};

struct Planted {
  uint64_t violations, states;
  bool ran;
  std::string first, cell;
};

Planted prove_with(const Listed& listed, const Sabotage& sabotage, bool ways) {
  Row* row = make_row();
  fflush(nullptr);
  const pid_t pid = fork();
  if (pid == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    Options options;
    options.kills = 0;
    options.deep = 0;
    options.enough = 2;
    options.hang_ns = 1'000'000'000;
    options.ways = ways;
    options.sabotage = sabotage;
    prove(listed, options, *row);
    _exit(0);
  }
  int status = 0;
  waitpid(pid, &status, 0);
  Planted result{row->violations, row->states, row->done != 0, row->findings != 0 ? row->finding[0].what : "",
                 row->sabotaged};
  munmap(row, sizeof(Row));
  return result;
}

const Listed* find(const std::vector<Listed>& scenarios, const char* name) {
  for (const Listed& one : scenarios)
    if (strcmp(one.name, name) == 0) return &one;
  return nullptr;
}

std::string first_line(const std::string& text) {
  return text.substr(0, std::min<size_t>(text.find('\n'), 110));
}

// Each log entry of a whole trap left out, one at a time. Some do no harm: the cell's value did not change,
// or it lies in an element that the undo frees again.
bool leave_out_each(const Listed& listed) {
  unsigned entries = 0, noticed = 0;
  for (unsigned nth = 1; nth < 1000; nth++) {
    const Planted planted = prove_with(listed, {kLog, nth}, false);
    if (!planted.ran) return false;
    if (planted.cell.empty()) break;  // there is no such entry
    entries++;
    noticed += planted.violations != 0;
    printf("  %s: log entry %u left out, %s: %s\n", listed.name, nth, planted.cell.c_str(),
           planted.violations != 0 ? first_line(planted.first).c_str() : "no harm");
    fflush(stdout);
  }
  printf("self-check: %s: %u log entries, one left out at a time: %u noticed\n", listed.name, entries,
         noticed);
  return noticed * 3 > entries;
}

}  // namespace

Row* make_row() {
  void* memory = mmap(nullptr, sizeof(Row), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) {
    perror("killpoints: no memory");
    _exit(2);
  }
  return new (memory) Row{};
}

bool self_check(const std::vector<Listed>& scenarios, bool thorough) {
  bool all = true;
  unsigned noticed = 0;
  for (const Plant& plant : kPlants) {
    const Listed* listed = find(scenarios, plant.scenario);
    const Planted planted = listed != nullptr ? prove_with(*listed, plant.sabotage, true) : Planted{};
    noticed += planted.violations != 0;
    all = all && planted.violations != 0;
    if (planted.violations == 0)
      printf("self-check: %s (in %s): NOT NOTICED\n", plant.what, plant.scenario);
    else if (thorough)
      printf("self-check: %s (in %s): %llu violations, such as: %s\n", plant.what, plant.scenario,
             static_cast<unsigned long long>(planted.violations), first_line(planted.first).c_str());
  }
  printf("self-check: %u of %zu planted bugs noticed\n", noticed, std::size(kPlants));
  if (thorough)
    for (const char* name : {"send", "receive", "mod-refs-send"})
      if (const Listed* listed = find(scenarios, name)) all = leave_out_each(*listed) && all;
  return all;
}

}  // namespace portolan::proof
