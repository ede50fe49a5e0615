// SPDX-License-Identifier: Apache-2.0
#include "proof/sabotage.hpp"

#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#include <memory>
#include <string>

#include "proof/symbols.hpp"

namespace portolan::proof {

namespace {

constexpr const char* kLog = "_ZN8portolan3Txn3logEPKvjm";
constexpr const char* kOweWake = "_ZN8portolan3Txn8owe_wakeEj";
constexpr const char* kHold = "_ZN8portolan3Txn4holdEjjm";
constexpr const char* kRelease = "_ZN8portolan3Txn15release_elementEjj";
constexpr const char* kPushWork = "_ZN8portolan3Txn9push_itemEj";

struct Plant {
  const char* scenario;
  const char* function;
  unsigned call;
  const char* what;
};

// One of each kind that is cheap; each has to be noticed.
constexpr Plant kPlants[] = {
    {"send", kLog, 12, "an old value is not noted"},
    {"send-waiting", kOweWake, 1, "a wake is not owed"},
    {"send-memory", kHold, 1, "what is in hand is not noted"},
    {"receive", kRelease, 1, "an element is not freed"},
    {"mod-refs-receive", kPushWork, 1, "work is forgotten"},
};

struct Planted {
  uint64_t violations, tried;
  bool ran;
  std::string first;
};

Planted prove_with(const Listed& listed, const char* function, unsigned call, bool ways) {
  Row* row = make_row();
  fflush(nullptr);
  const pid_t pid = fork();
  if (pid == 0) {
    Options options;
    options.kills = 0;
    options.ways = ways;
    options.tamper = skip_call(function, call);
    prove(listed, options, *row);
    _exit(0);
  }
  int status = 0;
  waitpid(pid, &status, 0);
  Planted result{row->violations, row->tried, row->done != 0, row->findings != 0 ? row->finding[0].what : ""};
  munmap(row, sizeof(Row));
  return result;
}

const Listed* find(const std::vector<Listed>& scenarios, const char* name) {
  for (const Listed& one : scenarios)
    if (strcmp(one.name, name) == 0) return &one;
  return nullptr;
}

std::string first_line(const std::string& text) { return text.substr(0, std::min<size_t>(text.find('\n'), 110)); }

// Each log entry of a whole trap left out, one at a time. Some do no harm: the cell's value did not change, or it lies in
// an element that the undo frees again.
bool leave_out_each(const Listed& listed) {
  unsigned calls = 0, noticed = 0;
  for (unsigned call = 1; call < 500; call++) {
    const Planted planted = prove_with(listed, kLog, call, false);
    if (!planted.ran) break;
    if (planted.violations == 0) {
      // Was there such a call at all? An untouched run has the same number of states.
      const Planted untouched = prove_with(listed, kLog, 100000, false);
      if (untouched.tried == planted.tried) break;
    }
    calls++;
    noticed += planted.violations != 0;
    printf("  %s: log entry %u left out: %s\n", listed.name, call,
           planted.violations != 0 ? first_line(planted.first).c_str() : "no harm");
    fflush(stdout);
  }
  printf("self-check: %s: %u log entries, one left out at a time: %u noticed\n", listed.name, calls, noticed);
  return noticed * 2 > calls;
}

}  // namespace

Row* make_row() {
  void* memory = mmap(nullptr, sizeof(Row), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) {
    perror("killpoints: no memory");
    _exit(2);
  }
  return new (memory) Row{};
}

test::Tamper skip_call(const char* mangled, unsigned n) {
#if defined(__x86_64__)
  const uintptr_t begin = address_of(mangled);
  auto seen = std::make_shared<unsigned>(0);
  return [begin, n, seen](int pid) {
    user_regs_struct registers;
    if (ptrace(PTRACE_GETREGS, pid, nullptr, &registers) != 0 || registers.rip != begin || ++*seen != n) return;
    // As if the function returned at once.
    registers.rip = static_cast<unsigned long long>(ptrace(PTRACE_PEEKDATA, pid, registers.rsp, nullptr));
    registers.rsp += sizeof(uintptr_t);
    ptrace(PTRACE_SETREGS, pid, nullptr, &registers);
  };
#else
  (void)mangled;
  (void)n;
  return [](int) {};
#endif
}

bool self_check(const std::vector<Listed>& scenarios, bool thorough) {
#if !defined(__x86_64__)
  printf("self-check: not on this processor\n");
  return true;
#else
  bool all = true;
  unsigned noticed = 0;
  for (const Plant& plant : kPlants) {
    const Listed* listed = find(scenarios, plant.scenario);
    if (listed == nullptr || address_of(plant.function) == 0) {
      printf("self-check: %s: cannot be planted\n", plant.what);
      all = false;
      continue;
    }
    const Planted planted = prove_with(*listed, plant.function, plant.call, true);
    noticed += planted.violations != 0;
    if (planted.violations == 0) {
      printf("self-check: %s (in %s): NOT NOTICED\n", plant.what, plant.scenario);
      all = false;
    } else if (thorough) {
      printf("self-check: %s (in %s): %llu violations, such as: %s\n", plant.what, plant.scenario,
             static_cast<unsigned long long>(planted.violations), first_line(planted.first).c_str());
    }
  }
  printf("self-check: %u of %zu planted bugs noticed\n", noticed, std::size(kPlants));
  if (thorough)
    for (const char* name : {"send", "receive", "mod-refs-send"})
      if (const Listed* listed = find(scenarios, name)) all = leave_out_each(*listed) && all;
  return all;
#endif
}

}  // namespace portolan::proof
