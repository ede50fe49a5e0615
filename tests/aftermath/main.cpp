// SPDX-License-Identifier: Apache-2.0
// aftermath: many processes with traffic on the kernel die at one instant, and launchd with them in every
// second round; how long do the others wait? Usage: docs/proof.md. The figures are printed, never judged;
// what is judged is that all are told, that nothing is left behind, and that the domain is sound.
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <map>
#include <random>
#include <string>
#include <vector>

#include "aftermath/blow.hpp"
#include "segment/futex.hpp"
#include "storm/view.hpp"

namespace portolan::aftermath {

namespace {

constexpr uint64_t kPatience = 120'000'000'000;  // ns, for what takes milliseconds: after that it hangs
constexpr useconds_t kLook = 200;                // between two looks of the master

struct Times {
  std::vector<uint64_t> told, next, slowest, back;
};

class Master {
 public:
  Master(Ledger& ledger, unsigned rounds, unsigned seed) : ledger_(ledger), rounds_(rounds), random_(seed) {}

  int run() {
    prctl(PR_SET_CHILD_SUBREAPER, 1);  // whoever a leader leaves behind is ours to bury
    ledger_.master = getpid();
    char path[] = "/dev/shm/portolan-aftermath-XXXXXX";
    if (mkdtemp(path) == nullptr) return 2;
    setenv("PORTOLAN_DOMAIN", path, 1);
    if (begin(path)) {
      for (unsigned i = 0; i < rounds_ && violations_ == 0; i++) round(kWays[i / 2 % 3], i % 2 != 0);
      print();
    } else {
      violation("the domain did not come about");
    }
    end(path);
    printf("aftermath: %u rounds, %u violations\n", done_, violations_);
    return violations_ == 0 ? 0 : 1;
  }

 private:
  template <class Condition>
  bool await(const char* what, Condition condition) {
    const uint64_t until = monotonic_ns() + kPatience;
    while (!condition()) {
      if (monotonic_ns() > until) {
        violation(what);
        return false;
      }
      look_after_survivors();
      usleep(kLook);
    }
    return true;
  }
  void look_after_survivors() {
    std::erase_if(survivors_, [this](pid_t pid) {
      int status = 0;
      if (waitpid(pid, &status, WNOHANG) == 0) return false;
      if (ledger_.leave != 0 && status == 0) return true;
      printf("a survivor ended with status %#x\n", static_cast<unsigned>(status));
      violation("a survivor has ended");
      return true;
    });
  }
  // When no victim is left: launchds that were killed, and those that came too late to serve.
  void bury_the_rest() {
    look_after_survivors();
    while (waitpid(-1, nullptr, WNOHANG) > 0) continue;
  }
  void violation(const char* what) {
    violations_++;
    printf("VIOLATION in round %u: %s\n", done_, what);
    fflush(stdout);
  }
  template <class Array>
  static bool all_of(const Array& array, unsigned from, unsigned least) {
    return std::all_of(std::begin(array) + from, std::end(array), [&](auto& n) { return n >= least; });
  }

  bool begin(const char* path) {
    for (unsigned i = 0; i < kSurvivors; i++) {
      const pid_t pid = fork();
      if (pid == 0) survive(ledger_, i);
      survivors_.push_back(pid);
      if (!await("a survivor does not come up", [&] { return ledger_.ready[i] != 0; })) return false;
    }
    return view_.open(path) && await("there is no launchd", [&] { return view_.launchd() != 0; }) &&
           calm([&] {
             before_ = view_.census();
             usleep(20'000);
             return before_ == view_.census();
           });
  }

  // With nobody at work.
  template <class Condition>
  bool calm(Condition condition) {
    for (auto& still : ledger_.still) still = 0;
    ledger_.quiet = 1;
    const bool good = await("survivors hang", [&] { return all_of(ledger_.still, 0, 1); }) &&
                      await("elements or threads are left over", condition);
    ledger_.quiet = 0;
    return good;
  }

  void round(Way way, bool launchd_too) {
    for (auto& pid : ledger_.pid) pid = 0;
    for (auto& watched : ledger_.watched) watched = 0;
    for (auto& of_one : ledger_.told)
      for (auto& told : of_one) told = 0;
    for (unsigned i = 0; i < kSurvivors; i++) ledger_.next[i] = ledger_.slowest[i] = 0;
    Group group(ledger_, way);
    if (!group.begun()) return violation("no group of processes");
    if (!await("victims do not come up", [&] { return all_of(ledger_.watched, 0, kSurvivors); })) return;
    usleep(static_cast<useconds_t>(5000 + random_() % 50'000));
    const pid_t launchd = view_.launchd();
    Times& times = times_[{way, launchd_too}];
    group.strike();
    if (launchd_too && launchd != 0) kill(launchd, SIGKILL);
    uint64_t back = 0;
    const auto over = [&] {
      if (const pid_t now = view_.launchd(); back == 0 && now != 0 && now != launchd)
        back = monotonic_ns() - ledger_.struck;
      return (!launchd_too || back != 0) &&
             std::all_of(std::begin(ledger_.told), std::end(ledger_.told),
                         [&](auto& told) { return all_of(told, group.first_struck(), 1); });
    };
    if (!await("somebody is not told, or launchd does not come back", over)) return;
    collect(times, group.first_struck(), launchd_too ? back : 0);
    ledger_.struck = 0;
    group.end();
    bury_the_rest();
    if (calm([&] { return view_.census() == before_; })) judge();
    done_++;
  }

  void collect(Times& times, unsigned first, uint64_t back) {
    for (unsigned s = 0; s < kSurvivors; s++) {
      for (unsigned v = first; v < kVictims; v++) times.told.push_back(ledger_.told[s][v]);
      times.next.push_back(ledger_.next[s]);
      times.slowest.push_back(ledger_.slowest[s]);
    }
    if (back != 0) times.back.push_back(back);
  }

  // launchd may be at work: what is wrong stays wrong.
  void judge() {
    for (unsigned tries = 0; tries < 20; tries++) {
      if (view_.fsck().clean()) break;
      if (tries == 19) {
        fputs(view_.fsck().text().c_str(), stdout);
        violation("fsck is not clean");
      }
      usleep(50'000);
    }
    if (view_.quarantined() != 0) violation("recovery met what it could not believe");
  }

  static void row(const char* what, std::vector<uint64_t>& times) {
    if (times.empty()) return;
    std::sort(times.begin(), times.end());
    const auto part = [&](size_t of_thousand) {
      return static_cast<double>(times[(times.size() - 1) * of_thousand / 1000]) / 1e6;
    };
    printf("  %-44s %7zu %10.2f %10.2f %10.2f\n", what, times.size(), part(500), part(990), part(1000));
  }
  void print() {
    printf("%-46s %7s %10s %10s %10s\n", "milliseconds from the blow", "times", "median", "99%", "most");
    for (auto& [key, times] : times_) {
      printf("%s%s\n", name_of(key.first), key.second ? ", and launchd" : "");
      row("until a dead-name notification is received", times.told);
      row("until a peer's next trap has returned", times.next);
      row("the slowest trap of a peer meanwhile", times.slowest);
      row("until there is a launchd", times.back);
    }
  }

  void end(const char* path) {
    ledger_.leave = 1;
    if (violations_ == 0) await("survivors do not leave", [&] { return survivors_.empty(); });
    for (const pid_t pid : survivors_) kill(pid, SIGKILL);
    // Launchd removes it when the last task is gone.
    for (unsigned i = 0; i < 100 && access(path, F_OK) == 0; i++) {
      bury_the_rest();
      usleep(100'000);
    }
    if (access(path, F_OK) == 0) violation("the domain was not removed");
  }

  Ledger& ledger_;
  const unsigned rounds_;
  std::minstd_rand random_;
  storm::View view_;
  storm::View::Census before_;
  std::vector<pid_t> survivors_;
  std::map<std::pair<Way, bool>, Times> times_;
  unsigned done_ = 0, violations_ = 0;
};

int go(int count, char** words) {
  unsigned rounds = 200;
  auto seed = static_cast<unsigned>(getpid());
  for (int i = 1; i < count; i++) {
    const std::string word = words[i];
    const bool known = word == "--rounds" || word == "--seed";
    if (!known || i + 1 == count) {
      fputs("usage: aftermath [--rounds N] [--seed N]\n", word == "--help" ? stdout : stderr);
      return word == "--help" ? 0 : 2;
    }
    (word == "--rounds" ? rounds : seed) = static_cast<unsigned>(strtoul(words[++i], nullptr, 10));
  }
  void* memory = mmap(nullptr, sizeof(Ledger), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) return 2;
  setvbuf(stdout, nullptr, _IOLBF, 0);
  return Master(*new (memory) Ledger{}, rounds, seed).run();
}

}  // namespace

}  // namespace portolan::aftermath

int main(int argc, char** argv) { return portolan::aftermath::go(argc, argv); }
