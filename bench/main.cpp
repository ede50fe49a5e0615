// SPDX-License-Identifier: Apache-2.0
// portolan-bench: what a message costs, next to what else two processes can do. The subjects take turns in
// many short rounds, each time beginning with another, so that whatever the machine is up to meets all of
// them alike. The peers of all pairs live for the whole run and sleep while it is not their turn. The results
// are numbers to read: nothing here fails because something was slow.
//
//   portolan-bench [--quick] [--output FILE]
#include <sched.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <filesystem>
#include <memory>

#include "pair.hpp"
#include "results.hpp"

namespace bench {

namespace {

const char kReference[] = "AF_UNIX SEQPACKET";
const char kUsage[] =
    "usage: portolan-bench [--quick] [--output FILE]\n"
    "  --quick        a tenth of the rounds\n"
    "  --output FILE  where the results go (default build/bench/results.json)\n";

// The CPUs that this process may use.
std::vector<int> usable_cpus() {
  std::vector<int> cpus;
  cpu_set_t set;
  CPU_ZERO(&set);
  if (sched_getaffinity(0, sizeof set, &set) != 0) return {0};
  for (size_t i = 0; i < CPU_SETSIZE; i++) {
    if (CPU_ISSET(i, &set)) cpus.push_back(static_cast<int>(i));
  }
  return cpus;
}

struct Placement {
  const char* name;
  int server;
  int client;
};

std::vector<Case> all_cases() {
  const std::vector<int> cpus = usable_cpus();
  std::vector<Placement> placements = {{"free placement", -1, -1}, {"both on one CPU", cpus[0], cpus[0]}};
  if (cpus.size() > 1) placements.push_back({"a CPU each", cpus[0], cpus[1]});
  std::vector<Case> cases;
  for (const Placement& place : placements) {
    const std::string measure = std::string("round trip, 64 bytes, ") + place.name;
    const auto add = [&](const char* subject, const char* kind, bool spin_off) {
      cases.push_back({measure, subject, kind, "round-trip", spin_off, place.server, place.client});
    };
    add("Portolan mach_msg", "mach", false);
    add("Portolan mach_msg, PORTOLAN_SPIN=0", "mach", true);
    add(kReference, "socket", false);
    add("futex, blocking", "futex", false);
  }
  const std::string one_way = "one way, 64 bytes, each message";
  cases.push_back({one_way, "Portolan mach_msg", "mach", "one-way", false, -1, -1});
  cases.push_back({one_way, kReference, "socket", "one-way", false, -1, -1});
  const std::string megabyte = "a megabyte and an answer";
  cases.push_back({megabyte, "Portolan mach_msg, out of line", "mach", "megabyte", false, -1, -1});
  cases.push_back({megabyte, kReference, "socket", "megabyte", false, -1, -1});
  return cases;
}

Command command_for(const Case& what) {
  if (what.shape == "one-way") return {1, 5};
  if (what.shape == "megabyte") return {2, 15};
  return {50, 500};
}

int run(bool quick, const std::string& output) {
  double load = 0;
  if (getloadavg(&load, 1) != 1) load = 0;
  const std::vector<Case> cases = all_cases();
  const std::string peer = std::filesystem::read_symlink("/proc/self/exe").string() + "-peer";
  const PrivateDomain domain;
  std::vector<std::unique_ptr<Pair>> pairs;
  for (const Case& what : cases) {
    pairs.push_back(std::make_unique<Pair>(what, peer, domain, static_cast<unsigned>(pairs.size())));
  }
  for (size_t i = 0; i < cases.size(); i++) {
    if (pairs[i]->ready()) continue;
    std::fprintf(stderr, "portolan-bench: %s does not come up\n", cases[i].subject.c_str());
    return 1;
  }

  const unsigned rounds = quick ? 6 : 60;
  std::vector<std::vector<double>> samples(cases.size());
  for (unsigned round = 0; round < rounds; round++) {
    for (size_t turn = 0; turn < cases.size(); turn++) {
      const size_t i = (turn + round) % cases.size();
      if (pairs[i]->run(command_for(cases[i]), samples[i])) continue;
      std::fprintf(stderr, "portolan-bench: %s, %s: the pair failed or hangs\n", cases[i].measure.c_str(),
                   cases[i].subject.c_str());
      return 1;
    }
  }
  pairs.clear();

  std::vector<Result> results;
  for (size_t i = 0; i < cases.size(); i++) {
    results.push_back({cases[i].measure, cases[i].subject, percentile(samples[i], 0.5),
                       percentile(samples[i], 0.99), 0, samples[i].size()});
  }
  compare(results, kReference);
  print_table(results);
  const Run about{rounds, command_for(cases[0]).iterations, sysconf(_SC_NPROCESSORS_ONLN), load, quick};
  if (load > 0.5 * static_cast<double>(about.cpus)) {
    std::printf("the machine is busy (load %.1f, %ld CPUs): free placement often means one CPU then\n", load,
                about.cpus);
  }
  std::error_code ignored;
  std::filesystem::create_directories(std::filesystem::path(output).parent_path(), ignored);
  if (!write_json(results, about, output)) {
    std::fprintf(stderr, "portolan-bench: cannot write %s: %s\n", output.c_str(), std::strerror(errno));
    return 1;
  }
  std::printf("written to %s\n", output.c_str());
  return 0;
}

}  // namespace
}  // namespace bench

int main(int argc, char** argv) {
  bool quick = false;
  std::string output = PORTOLAN_BUILD_DIR "/bench/results.json";
  for (int i = 1; i < argc; i++) {
    if (std::strcmp(argv[i], "--quick") == 0) {
      quick = true;
    } else if (std::strcmp(argv[i], "--output") == 0 && i + 1 < argc) {
      output = argv[++i];
    } else {
      std::fputs(bench::kUsage, stderr);
      return 2;
    }
  }
  try {
    return bench::run(quick, output);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "portolan-bench: %s\n", error.what());
    return 1;
  }
}
