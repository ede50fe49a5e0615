// SPDX-License-Identifier: Apache-2.0
// Samples become results, and results a table and a file.
#include "results.hpp"

#include <portolan_config.h>
#include <sys/utsname.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <ctime>

namespace bench {

double percentile(std::vector<double>& samples, double part) {
  const auto rank = static_cast<size_t>(std::ceil(part * static_cast<double>(samples.size())));
  const size_t index = rank == 0 ? 0 : rank - 1;
  std::nth_element(samples.begin(), samples.begin() + static_cast<std::ptrdiff_t>(index), samples.end());
  return samples[index];
}

void compare(std::vector<Result>& results, const std::string& reference) {
  for (Result& result : results) {
    for (const Result& other : results) {
      if (other.subject == reference && other.measure == result.measure && result.median > 0) {
        result.ratio = other.median / result.median;
      }
    }
  }
}

void print_table(const std::vector<Result>& results) {
  std::string measure;
  for (const Result& result : results) {
    if (result.measure != measure) {
      std::printf("%s%s\n  %-34s %12s %12s %10s\n", measure.empty() ? "" : "\n", result.measure.c_str(), "",
                  "median", "p99", "ratio");
      measure = result.measure;
    }
    std::printf("  %-34s %9.2f us %9.2f us %9.2fx\n", result.subject.c_str(), result.median / 1e3,
                result.p99 / 1e3, result.ratio);
  }
  std::printf("\nratio: how many times faster than the SEQPACKET socket of the same run, by medians\n");
}

bool write_json(const std::vector<Result>& results, const Run& run, const std::string& path) {
  std::FILE* file = std::fopen(path.c_str(), "w");
  if (file == nullptr) return false;
  utsname system{};
  uname(&system);
  char when[32] = "";
  const std::time_t now = std::time(nullptr);
  std::tm utc{};
  gmtime_r(&now, &utc);
  std::strftime(when, sizeof when, "%Y-%m-%dT%H:%M:%SZ", &utc);
  std::fprintf(file,
               "{\"schema\":\"portolan.bench/1\",\"portolan\":\"%s\",\"time\":\"%s\",\"system\":\"%s "
               "%s\",\"cpus\":%ld,\"load\":%.2f,"
               "\"rounds\":%u,\"iterations\":%u,\"quick\":%s,\n \"results\":[",
               PORTOLAN_VERSION, when, system.sysname, system.release, run.cpus, run.load, run.rounds,
               run.iterations, run.quick ? "true" : "false");
  const char* separator = "\n";
  for (const Result& result : results) {
    std::fprintf(
        file,
        "%s  "
        "{\"measure\":\"%s\",\"subject\":\"%s\",\"median\":%.1f,\"p99\":%.1f,\"unit\":\"ns\",\"ratio\":%.3f,"
        "\"samples\":%zu}",
        separator, result.measure.c_str(), result.subject.c_str(), result.median, result.p99, result.ratio,
        result.samples);
    separator = ",\n";
  }
  std::fputs("\n]}\n", file);
  return std::fclose(file) == 0;
}

}  // namespace bench
