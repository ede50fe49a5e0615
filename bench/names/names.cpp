// SPDX-License-Identifier: Apache-2.0
// portolan-bench-names: what bootstrap_look_up costs with 100, 10,000 and 100,000 names in nested namespaces, and
// D-Bus's GetNameOwner beside it, on a bus of its own with the same numbers of names. The subjects take turns;
// medians of the rounds are printed.
//
// Half of the names are in the root, the others in a namespace inside it; each look-up is made from a third one
// inside that, so that it climbs. The right is released again in the time that is measured.
#include <mach/mach.h>
#include <servers/bootstrap.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include "names/dbus.hpp"

namespace {

constexpr unsigned kSizes[] = {100, 10'000, 100'000};
constexpr int kRounds = 41, kCalls = 1000, kBusCalls = 50;

double seconds() {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) / 1e9;
}

void require(kern_return_t code, const char* what) {
  if (code == KERN_SUCCESS) return;
  fprintf(stderr, "portolan-bench-names: %s: %s\n", what, bootstrap_strerror(code));
  exit(1);
}

std::string name_of(unsigned number) { return "com.example.bench.name" + std::to_string(number); }

// Namespaces with as many names as the last size asks for, and one right inside them.
class Names {
 public:
  Names() {
    require(mach_port_allocate(mach_task_self(), MACH_PORT_RIGHT_RECEIVE, &port_), "a port");
    require(mach_port_insert_right(mach_task_self(), port_, port_, MACH_MSG_TYPE_MAKE_SEND), "a right");
    require(bootstrap_subset(bootstrap_port, port_, &middle_), "a subset");
    require(bootstrap_subset(middle_, port_, &inner_), "a subset");
  }
  void grow_to(unsigned size) {
    for (; size_ < size; size_++) {
      std::string name = name_of(size_);
      require(bootstrap_register(size_ % 2 == 0 ? bootstrap_port : middle_, name.data(), port_), "a name");
    }
  }
  void look_up() {
    mach_port_t found = MACH_PORT_NULL;
    next_ = (next_ * 1103515245u + 12345u) & 0x7fffffff;
    require(bootstrap_look_up(inner_, name_of(next_ % size_).c_str(), &found), "a look-up");
    mach_port_deallocate(mach_task_self(), found);
  }
  void miss() {
    mach_port_t found = MACH_PORT_NULL;
    if (bootstrap_look_up(inner_, "com.example.absent", &found) != BOOTSTRAP_UNKNOWN_SERVICE) exit(1);
  }

 private:
  mach_port_t port_ = MACH_PORT_NULL, middle_ = MACH_PORT_NULL, inner_ = MACH_PORT_NULL;
  unsigned size_ = 0, next_ = 1;
};

template <class Call>
double measure(int calls, Call&& call) {
  const double start = seconds();
  for (int i = 0; i < calls; i++) call();
  return (seconds() - start) * 1e9 / calls;
}

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

}  // namespace

int main() {
  Names names;
  bench::Bus bus;
  if (const char* why = bus.missing()) printf("D-Bus is not measured: %s\n", why);
  printf("%8s %12s %12s %16s %8s\n", "names", "look-up ns", "absent ns", "GetNameOwner ns", "ratio");
  for (const unsigned size : kSizes) {
    names.grow_to(size);
    const bool with_bus = bus.missing() == nullptr && bus.grow_to(size);
    std::vector<double> found, absent, owner;
    for (int round = 0; round < kRounds; round++) {
      found.push_back(measure(kCalls, [&] { names.look_up(); }));
      absent.push_back(measure(kCalls, [&] { names.miss(); }));
      if (with_bus) owner.push_back(measure(kBusCalls, [&] { bus.look_up(); }));
    }
    printf("%8u %12.0f %12.0f", size, median(found), median(absent));
    if (with_bus)
      printf(" %16.0f %8.1f\n", median(owner), median(owner) / median(found));
    else
      printf(" %16s %8s\n", "-", "-");
  }
  return 0;
}
