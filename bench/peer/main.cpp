// SPDX-License-Identifier: Apache-2.0
// One side of a subject: portolan-bench-peer server|client SUBJECT MEASURE SERVICE [CPU]. Started by
// portolan-bench.
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "subject.hpp"

namespace bench {

void fail(const char* what, const char* why) {
  std::fprintf(stderr, "portolan-bench-peer: %s: %s\n", what, why != nullptr ? why : std::strerror(errno));
  std::_Exit(1);
}

namespace {

double now_ns() {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<double>(now.tv_sec) * 1e9 + static_cast<double>(now.tv_nsec);
}

void pin(int cpu) {
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(static_cast<size_t>(cpu), &set);
  if (sched_setaffinity(0, sizeof set, &set) != 0) fail("sched_setaffinity");
}

template <typename T>
bool read_all(T& value) {
  ssize_t n = 0;
  do n = read(kControl, &value, sizeof value);
  while (n < 0 && errno == EINTR);
  return n == static_cast<ssize_t>(sizeof value);
}

template <typename T>
void write_all(const T& value) {
  if (write(kControl, &value, sizeof value) != static_cast<ssize_t>(sizeof value)) fail("answering");
}

void run_client(Subject& subject, Shared& shared) {
  subject.connect();
  write_all(Done{0});
  Command command{};
  while (read_all(command)) {
    for (uint32_t i = 0; i < command.warm_up; i++) subject.iterate();
    // One reading of the clock serves as the end of one iteration and the beginning of the next.
    double before = now_ns();
    for (uint32_t i = 0; i < command.iterations; i++) {
      subject.iterate();
      const double after = now_ns();
      shared.samples[i] = (after - before) / subject.weight();
      before = after;
    }
    write_all(Done{command.iterations});
  }
}

std::unique_ptr<Subject> make_subject(const std::string& name, const std::string& measure,
                                      const std::string& service, Shared& shared) {
  if (name == "mach") return mach_subject(measure, service);
  if (name == "socket") return socket_subject(measure);
  if (name == "futex") return futex_subject(measure, shared);
  return nullptr;
}

}  // namespace
}  // namespace bench

int main(int argc, char** argv) {
  using namespace bench;
  if (argc != 5 && argc != 6) {
    std::fputs("portolan-bench-peer is started by portolan-bench\n", stderr);
    return 2;
  }
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (argc == 6) pin(std::atoi(argv[5]));
  void* memory = mmap(nullptr, sizeof(Shared), PROT_READ | PROT_WRITE, MAP_SHARED, kMemory, 0);
  if (memory == MAP_FAILED) fail("mmap");
  Shared& shared = *static_cast<Shared*>(memory);
  const std::unique_ptr<Subject> subject = make_subject(argv[2], argv[3], argv[4], shared);
  if (!subject) fail(argv[2], "there is no such subject");
  if (std::strcmp(argv[1], "server") == 0) subject->serve();
  run_client(*subject, shared);
}
