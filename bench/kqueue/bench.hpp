// SPDX-License-Identifier: Apache-2.0
// What the measurements of kernel queues share. The subjects take turns; the median of the rounds is printed.
#pragma once

#include <time.h>

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <vector>

namespace bench {

inline constexpr int kRounds = 41;

inline double seconds() {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) / 1e9;
}

inline void require(bool holds, const char* what) {
  if (holds) return;
  perror(what);
  exit(1);
}

inline double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

void events();
void wakes();
void ports();
void memory();

}  // namespace bench
