// SPDX-License-Identifier: Apache-2.0
#include "stages/tally.hpp"

#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>

namespace portolan::stages {

void Tally::wrong(const std::string& what) {
  violations++;
  for (unsigned i = 0; i < kFindings; i++) {
    if (times[i] != 0 && strncmp(finding[i], what.c_str(), sizeof finding[i] - 1) != 0) continue;
    snprintf(finding[i], sizeof finding[i], "%s", what.c_str());
    times[i]++;
    return;
  }
}

Tally* make_tally() {
  void* memory = mmap(nullptr, sizeof(Tally), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) {
    perror("stages: no memory");
    _exit(2);
  }
  return new (memory) Tally{};
}

namespace {

pid_t start(Job& job) {
  fflush(nullptr);
  const pid_t pid = fork();
  if (pid != 0) return pid;
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  job.work(*job.tally);
  job.tally->done = 1;
  fflush(nullptr);
  _exit(0);
}

void print(const Job& job, unsigned columns) {
  const Tally& tally = *job.tally;
  printf("%-34s", job.name.c_str());
  for (unsigned i = 0; i < columns; i++)
    printf(" %9llu", static_cast<unsigned long long>(tally.count[i].load()));
  printf(" %6llu\n", static_cast<unsigned long long>(tally.violations.load()));
  for (unsigned i = 0; i < Tally::kFindings && tally.times[i] != 0; i++)
    printf("  VIOLATION (%u times): %s\n", tally.times[i], tally.finding[i]);
  fflush(stdout);
}

}  // namespace

void run_jobs(std::vector<Job>& jobs, unsigned columns, unsigned limit) {
  if (limit == 0) limit = static_cast<unsigned>(std::max(1l, sysconf(_SC_NPROCESSORS_ONLN)));
  std::vector<pid_t> pids(jobs.size());
  std::vector<bool> over(jobs.size());
  size_t next = 0, running = 0, printed = 0;
  while (printed < jobs.size()) {
    for (; next < jobs.size() && running < limit; next++, running++) {
      jobs[next].tally = make_tally();
      pids[next] = start(jobs[next]);
    }
    int status = 0;
    const pid_t pid = waitpid(-1, &status, 0);
    for (size_t i = 0; i < next; i++) {
      if (pids[i] != pid || over[i]) continue;
      over[i] = true;
      running--;
      if (jobs[i].tally->done == 0)
        jobs[i].tally->wrong("did not come to its end: " +
                             (WIFSIGNALED(status) ? std::string(strsignal(WTERMSIG(status)))
                                                  : "exit " + std::to_string(WEXITSTATUS(status))));
    }
    while (printed < jobs.size() && over[printed]) print(jobs[printed++], columns);
  }
}

}  // namespace portolan::stages
