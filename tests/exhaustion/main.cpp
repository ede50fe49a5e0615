// SPDX-License-Identifier: Apache-2.0
// exhaustion: refuses every reservation of every trap once, and looks. Usage: docs/proof.md.
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <set>
#include <string>
#include <vector>

#include "exhaustion/trial.hpp"
#include "proof/symbols.hpp"

namespace portolan::exhaustion {

namespace {

struct Job {
  proof::Listed listed;
  Row* row;
  pid_t pid = 0;
  bool over = false;
};

const char kUsage[] =
    "usage: exhaustion [--scenario NAME]... [--list] [--sites]\n"
    "  --scenario NAME  only these\n"
    "  --list           names and what they are about\n"
    "  --sites          where memory was refused\n";

std::vector<proof::Listed> all_scenarios() {
  std::vector<proof::Listed> all = proof::all_scenarios();
  all.insert(all.end(), more_scenarios().begin(), more_scenarios().end());
  return all;
}

Row* make_row() {
  void* memory = mmap(nullptr, sizeof(Row), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) {
    perror("exhaustion: no memory");
    _exit(2);
  }
  return new (memory) Row{};
}

void start(Job& job) {
  fflush(nullptr);
  job.pid = fork();
  if (job.pid != 0) return;
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  try_scenario(job.listed, *job.row);
  _exit(0);
}

void print_row(Job& job) {
  Row& row = *job.row;
  if (row.done == 0) row.violations++;
  printf("%-24s %9u %9u %8u %8u %8u %7u\n", job.listed.name, row.reservations, row.injections, row.undone,
         row.finished, row.between, row.violations);
  if (row.done == 0) printf("  VIOLATION: the scenario did not come to its end\n");
  for (uint32_t i = 0; i < row.findings; i++) printf("  VIOLATION: %s\n", row.finding[i]);
  fflush(stdout);
}

// Two at a time, printed in their order.
void run(std::vector<Job>& jobs) {
  constexpr size_t kAtOnce = 2;
  size_t next = 0, running = 0, printed = 0;
  while (printed < jobs.size()) {
    for (; next < jobs.size() && running < kAtOnce; running++) start(jobs[next++]);
    const pid_t pid = waitpid(-1, nullptr, 0);
    for (Job& job : jobs) {
      if (job.pid != pid || job.over) continue;
      job.over = true;
      running--;
    }
    while (printed < jobs.size() && jobs[printed].over) print_row(jobs[printed++]);
  }
}

int go(int count, char** words) {
  std::vector<proof::Listed> all = all_scenarios();
  std::vector<std::string> wanted;
  bool sites = false;
  for (int i = 1; i < count; i++) {
    const std::string word = words[i];
    if (word == "--list") {
      for (const proof::Listed& one : all) printf("%-24s %s\n", one.name, one.about);
      return 0;
    }
    if (word == "--sites") {
      sites = true;
    } else if (word == "--scenario" && i + 1 < count) {
      wanted.push_back(words[++i]);
    } else {
      fputs(kUsage, word == "--help" ? stdout : stderr);
      return word == "--help" ? 0 : 2;
    }
  }
  std::vector<Job> jobs;
  for (const proof::Listed& one : all)
    if (wanted.empty() || std::find(wanted.begin(), wanted.end(), one.name) != wanted.end())
      jobs.push_back({one, make_row()});
  printf("%-24s %9s %9s %8s %8s %8s %7s\n", "scenario", "reserves", "refusals", "undone", "done", "between",
         "wrong");
  run(jobs);
  std::set<uintptr_t> where;
  uint64_t injections = 0, violations = 0;
  for (const Job& job : jobs) {
    where.insert(job.row->sites, job.row->sites + job.row->sites_count);
    injections += job.row->injections;
    violations += job.row->violations;
  }
  if (sites)
    for (const uintptr_t site : where) printf("site: %s\n", proof::symbol_at(site).c_str());
  printf("exhaustion: %zu allocation sites, %llu failures injected, %llu violations\n", where.size(),
         static_cast<unsigned long long>(injections), static_cast<unsigned long long>(violations));
  return violations == 0 && !jobs.empty() ? 0 : 1;
}

}  // namespace

}  // namespace portolan::exhaustion

int main(int argc, char** argv) { return portolan::exhaustion::go(argc, argv); }
