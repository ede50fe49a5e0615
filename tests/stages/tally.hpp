// SPDX-License-Identifier: Apache-2.0
// What one job has counted and found, in memory that it shares with the process that started it; and running
// jobs, each in a process of its own, some at a time.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace portolan::stages {

struct Tally {
  static constexpr unsigned kCounts = 8, kFindings = 4, kKinds = 16;
  std::atomic<uint32_t> done;  // the job came to its end
  std::atomic<uint64_t> count[kCounts];
  std::atomic<uint64_t> kind[kKinds][3];  // for those that count by kinds of locks
  std::atomic<uint64_t> violations;
  char finding[kFindings][1600];
  uint32_t times[kFindings];

  void wrong(const std::string& what);
};

Tally* make_tally();

struct Job {
  std::string name;
  std::function<void(Tally&)> work;
  Tally* tally = nullptr;
};

// Runs all, `limit` at a time (0: one a CPU), and prints a row for each in its turn: its name, the first
// `columns` counts, its violations and what they were.
void run_jobs(std::vector<Job>& jobs, unsigned columns, unsigned limit);

}  // namespace portolan::stages
