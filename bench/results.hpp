// SPDX-License-Identifier: Apache-2.0
// Samples become results, and results a table and a file.
#pragma once

#include <string>
#include <vector>

namespace bench {

struct Result {
  std::string measure;
  std::string subject;
  double median = 0;  // nanoseconds
  double p99 = 0;     // nanoseconds
  double ratio = 0;   // how many times faster than the SEQPACKET socket in the same measure
  size_t samples = 0;
};

// The value that the given part of them does not exceed; reorders `samples`, which must not be empty.
double percentile(std::vector<double>& samples, double part);

// Fills in the ratios.
void compare(std::vector<Result>& results, const std::string& reference);

void print_table(const std::vector<Result>& results);

// About the run, for the file.
struct Run {
  unsigned rounds = 0;
  unsigned iterations = 0;
  long cpus = 0;
  double load = 0;  // on average in the minute before
  bool quick = false;
};

// False: the file could not be written; errno says why.
bool write_json(const std::vector<Result>& results, const Run& run, const std::string& path);

}  // namespace bench
