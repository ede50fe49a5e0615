// SPDX-License-Identifier: Apache-2.0
// killpoints: dies at every step of the kernel, and looks. Usage: docs/proof.md.
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <string>
#include <vector>

#include "proof/coverage.hpp"
#include "proof/prove.hpp"
#include "proof/sabotage.hpp"
#include "segment/futex.hpp"

namespace portolan::proof {

namespace {

struct Arguments {
  Options options;
  std::vector<std::string> wanted;
  bool dump = false, list = false, sites = false, self_check = false, help = false;
  unsigned jobs = 0;
};

std::vector<Listed> scenarios_and_traps() {
  std::vector<Listed> all = all_scenarios();
  all.insert(all.end(), trap_scenarios().begin(), trap_scenarios().end());
  return all;
}

const char kUsage[] =
    "usage: killpoints [--scenario NAME]... [--list] [--quick] [--deep] [--dump] [--self-check]\n"
    "                  [--kills N] [--seed N] [--jobs N]\n"
    "  --scenario NAME  only these\n"
    "  --list           names and what they are about\n"
    "  --quick          every state recovered in one way only, few real kills: not all sites are reached\n"
    "  --deep           the recovery of every state is stepped too, and the recoverer killed at every step; "
    "otherwise\n"
    "                   only of a few\n"
    "  --dump           where each violation happened, with all that is known\n"
    "  --sites          only this: steps, and says which of the kernel's write sites were not reached\n"
    "  --self-check     only this: breaks the kernel on purpose, and sees whether it is noticed\n"
    "  --kills N        real SIGKILLs at random steps, and as many at random times, in each scenario\n";

bool parse(int count, char** words, Arguments& arguments) {
  for (int i = 1; i < count; i++) {
    const std::string word = words[i];
    auto value = [&]() -> const char* { return ++i < count ? words[i] : nullptr; };
    if (word == "--list") {
      arguments.list = true;
    } else if (word == "--quick") {
      arguments.options.ways = false;
      arguments.options.deep = 0;
      arguments.options.kills = std::min(arguments.options.kills, 4u);
    } else if (word == "--deep") {
      arguments.options.deep = 1u << 30;
    } else if (word == "--dump") {
      arguments.dump = true;
    } else if (word == "--sites") {
      arguments.sites = true;
      arguments.options.judging = false;
      arguments.options.kills = 0;
    } else if (word == "--self-check") {
      arguments.self_check = true;
    } else if (word == "--help") {
      arguments.help = true;
    } else if (word == "--scenario" || word == "--kills" || word == "--seed" || word == "--jobs") {
      const char* text = value();
      if (text == nullptr) return false;
      if (word == "--scenario")
        arguments.wanted.push_back(text);
      else if (word == "--kills")
        arguments.options.kills = static_cast<unsigned>(strtoul(text, nullptr, 10));
      else if (word == "--seed")
        arguments.options.seed = strtoull(text, nullptr, 10);
      else
        arguments.jobs = static_cast<unsigned>(strtoul(text, nullptr, 10));
    } else {
      return false;
    }
  }
  return true;
}

struct Job {
  Listed listed;
  Row* row;
  pid_t pid = 0;
  bool over = false;
  uint64_t begun = 0, ended = 0;
};

void start(Job& job, const Options& options) {
  job.begun = monotonic_ns();
  fflush(nullptr);
  job.pid = fork();
  if (job.pid != 0) return;
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  prove(job.listed, options, *job.row);
  fflush(nullptr);
  _exit(0);
}

void print_row(const Job& job, const Arguments& arguments) {
  const Row& row = *job.row;
  printf("%-24s %7llu %7llu %8llu %6llu %7llu %7llu %6llu %6.1f\n", job.listed.name,
         static_cast<unsigned long long>(row.steps), static_cast<unsigned long long>(row.states),
         static_cast<unsigned long long>(row.tried), static_cast<unsigned long long>(row.kills),
         static_cast<unsigned long long>(row.kills_inside), static_cast<unsigned long long>(row.deep),
         static_cast<unsigned long long>(row.violations), static_cast<double>(job.ended - job.begun) / 1e9);
  for (uint32_t i = 0; i < row.findings; i++) {
    const Finding& finding = row.finding[i];
    printf("  VIOLATION at step %llu, %s (%u times): %s\n", static_cast<unsigned long long>(finding.step),
           way_name(finding.way), finding.times, finding.what);
    if ((arguments.dump || i == 0) && finding.where[0] != 0) printf("    %s\n", finding.where);
  }
  fflush(stdout);
}

// Runs the jobs, some at a time, and prints each row in its turn.
void run(std::vector<Job>& jobs, const Arguments& arguments) {
  const bool terminal = isatty(2) != 0;
  unsigned limit = arguments.jobs != 0 ? arguments.jobs
                                       : static_cast<unsigned>(std::max(1l, sysconf(_SC_NPROCESSORS_ONLN)));
  size_t next = 0, running = 0, printed = 0;
  while (printed < jobs.size()) {
    while (next < jobs.size() && running < limit) {
      start(jobs[next++], arguments.options);
      running++;
    }
    int status = 0;
    const pid_t pid = waitpid(-1, &status, 0);
    for (Job& job : jobs) {
      if (job.pid != pid || job.over) continue;
      job.over = true;
      job.ended = monotonic_ns();
      running--;
      if (job.row->done == 0) {
        job.row->violations++;
        Finding& finding = job.row->finding[std::min(job.row->findings, kFindings - 1)];
        job.row->findings = std::min(job.row->findings + 1, kFindings);
        snprintf(finding.what, sizeof finding.what, "the scenario did not come to its end (status %#x)",
                 status);
        finding.where[0] = 0;
        finding.times = 1;
      }
    }
    while (printed < jobs.size() && jobs[printed].over) {
      if (terminal) fprintf(stderr, "\r\33[K");
      print_row(jobs[printed++], arguments);
    }
    if (terminal) fprintf(stderr, "\r\33[K%zu of %zu scenarios", printed, jobs.size());
  }
  if (terminal) fprintf(stderr, "\r\33[K");
}

// What was tried of each trap, all its scenarios together.
void print_traps(const std::vector<Job>& jobs) {
  struct Sum {
    const char* trap;
    uint64_t scenarios, steps, states, tried, violations;
  };
  std::vector<Sum> sums;
  for (const Job& job : jobs) {
    const char* trap = job.listed.trap != nullptr ? job.listed.trap : "others";
    auto at =
        std::find_if(sums.begin(), sums.end(), [&](const Sum& sum) { return strcmp(sum.trap, trap) == 0; });
    if (at == sums.end()) at = sums.insert(at, Sum{trap, 0, 0, 0, 0, 0});
    at->scenarios++;
    at->steps += job.row->steps;
    at->states += job.row->states;
    at->tried += job.row->tried;
    at->violations += job.row->violations;
  }
  printf("\n%-32s %9s %8s %8s %8s %6s\n", "trap", "scenarios", "steps", "states", "tried", "wrong");
  for (const Sum& sum : sums)
    printf("%-32s %9llu %8llu %8llu %8llu %6llu\n", sum.trap, static_cast<unsigned long long>(sum.scenarios),
           static_cast<unsigned long long>(sum.steps), static_cast<unsigned long long>(sum.states),
           static_cast<unsigned long long>(sum.tried), static_cast<unsigned long long>(sum.violations));
  printf("\n");
}

int go(int count, char** words) {
  Arguments arguments;
  if (!parse(count, words, arguments)) {
    fputs(kUsage, stderr);
    return 2;
  }
  if (arguments.help) {
    fputs(kUsage, stdout);
    return 0;
  }
  std::vector<Listed> all = scenarios_and_traps();
  if (arguments.list) {
    for (const Listed& one : all) printf("%-20s %s\n", one.name, one.about);
    return 0;
  }
  if (arguments.self_check) return self_check(all, true) ? 0 : 1;
  std::vector<Listed> chosen;
  for (const std::string& name : arguments.wanted) {
    auto at = std::find_if(all.begin(), all.end(), [&](const Listed& one) { return name == one.name; });
    if (at == all.end()) {
      fprintf(stderr, "killpoints: there is no scenario %s\n", name.c_str());
      return 2;
    }
    chosen.push_back(*at);
  }
  if (chosen.empty()) chosen = all;
  coverage_begin();
  arguments.options.passed = coverage_note;
  std::vector<Job> jobs;
  for (const Listed& one : chosen) jobs.push_back({one, make_row(), 0, false, 0, 0});
  printf("%-24s %7s %7s %8s %6s %7s %7s %6s %6s\n", "scenario", "steps", "states", "tried", "kills", "inside",
         "deep", "wrong", "sec");
  run(jobs, arguments);
  print_traps(jobs);
  uint64_t tried = 0, violations = 0, states = 0, kills = 0, deep = 0;
  for (const Job& job : jobs) {
    tried += job.row->tried;
    violations += job.row->violations;
    states += job.row->states;
    kills += job.row->kills;
    deep += job.row->deep;
  }
  // A proof that cannot fail proves nothing.
  if (arguments.wanted.empty() && !arguments.sites && !self_check(all, false)) violations++;
  printf("%llu distinct states, %llu real kills", static_cast<unsigned long long>(states),
         static_cast<unsigned long long>(kills));
  if (deep != 0) printf(", %llu deaths in recovery", static_cast<unsigned long long>(deep));
  printf("\n");
  const Coverage coverage = coverage_result();
  if (coverage.sites == 0)
    printf("the write sites are not known: this program has no debugging information\n");
  if (arguments.sites || arguments.wanted.empty()) print_sites(coverage);
  printf("killpoints: %llu tried, %llu violations, %u of %u write sites reached\n",
         static_cast<unsigned long long>(tried), static_cast<unsigned long long>(violations),
         coverage.reached, coverage.sites);
  // Of a whole proof nothing may be missing. A quick one leaves out what only some ways of recovery reach.
  const bool whole = arguments.wanted.empty() && arguments.options.ways;
  const bool complete = coverage.sites != 0 && coverage.missed.empty() && coverage.unknown.empty();
  return violations == 0 && (complete || !whole) ? 0 : 1;
}

}  // namespace

}  // namespace portolan::proof

int main(int count, char** words) { return portolan::proof::go(count, words); }
