// SPDX-License-Identifier: Apache-2.0
#include "storm/master.hpp"

#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmath>
#include <memory>
#include <string>

#include "segment/futex.hpp"
#include "storm/calls.hpp"
#include "storm/crew.hpp"
#include "storm/verdict.hpp"

namespace portolan::storm {

namespace {

constexpr uint64_t kSecond = 1'000'000'000;

class Master {
 public:
  Master(const Plan& plan, Ledger& ledger)
      : plan_(plan), ledger_(ledger), random_(plan.seed), crew_(ledger, view_, plan.seed), verdict_(ledger) {
    ledger_.places = plan.processes;
    ledger_.seed = plan.seed;
    ledger_.master = getpid();
    ledger_.clock = 1;
    crew_.on_hang = [this] { save_evidence(); };
  }

  int run() {
    // The children of those that fork and leave are ours then.
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    char path[] = "/dev/shm/portolan-storm-XXXXXX";
    if (mkdtemp(path) == nullptr) return give_up("no directory for the domain");
    setenv("PORTOLAN_DOMAIN", path, 1);
    if (!begin(path)) return give_up("the domain cannot be begun");
    rage();
    calm_down();
    const bool good = add_up();
    kill(bystander_, SIGKILL);
    waitpid(bystander_, nullptr, 0);
    await_removal(path);
    return good ? 0 : 1;
  }

 private:
  static int give_up(const char* why) {
    fprintf(stderr, "storm: %s\n", why);
    return 1;
  }

  // ------------------------------------------------------------------------------------ beginning and ending

  bool begin(const char* path) {
    int ends[2];
    if (pipe(ends) != 0) return false;
    bystander_ = fork();
    if (bystander_ == 0) stand_by(ends[1]);
    char word = 'n';
    close(ends[1]);
    const bool joined = read(ends[0], &word, 1) == 1 && word == 'y';
    close(ends[0]);
    if (!joined || !view_.open(path)) return false;
    // Launchd comes by itself, and is there when the counting begins.
    for (unsigned i = 0; i < 200; i++) {
      const View::Census last = before_;
      before_ = view_.census();
      if (view_.launchd() != 0 && before_ == last) return true;
      usleep(50'000);
    }
    return false;
  }

  [[noreturn]] static void stand_by(int tell) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    Calls calls;
    const char* wrong = load(calls);
    if (wrong != nullptr) fprintf(stderr, "storm: %s\n", wrong);
    const char word = wrong == nullptr ? 'y' : 'n';
    (void)!write(tell, &word, 1);
    for (;;) pause();
  }

  // Launchd removes it when the last task is gone.
  static void await_removal(const char* path) {
    for (unsigned i = 0; i < 100 && access(path, F_OK) == 0; i++) {
      usleep(100'000);
      while (waitpid(-1, nullptr, WNOHANG) > 0) {
      }
    }
    if (access(path, F_OK) == 0) fprintf(stderr, "storm: the domain was not removed: %s\n", path);
  }

  // -------------------------------------------------------------------------------------------------- the
  // storm

  bool over(uint64_t now) const {
    const uint64_t kills = crew_.struck().kills, time = plan_.seconds * kSecond;
    if (kills >= plan_.kills || now >= begun_ + 4 * time) return true;
    return now >= begun_ + time && kills >= plan_.least;
  }

  void rage() {
    crew_.fill();
    begun_ = monotonic_ns();
    uint64_t next = begun_ + kSecond / 2;
    for (uint64_t now = begun_; !over(now); now = monotonic_ns()) {
      if (now >= next) {
        crew_.strike();
        next = now + pause_ns();
      } else {
        usleep(static_cast<useconds_t>(std::min<uint64_t>(next - now, 20'000'000) / 1000));
      }
      crew_.watch();
      verdict_.add_old();
      tell(now);
    }
    raged_ = static_cast<double>(monotonic_ns() - begun_) / 1e9;
    if (isatty(2) != 0) fprintf(stderr, "\r\33[K");
  }

  uint64_t pause_ns() {
    const double unit = static_cast<double>(random_() >> 11) / 9007199254740992.0;
    return static_cast<uint64_t>(-std::log(1 - unit) * plan_.pause_ms * 1e6);
  }

  void tell(uint64_t now) {
    if (now - told_ < kSecond || isatty(2) == 0) return;
    told_ = now;
    const Struck& struck = crew_.struck();
    fprintf(stderr, "\r\33[K%llu s: %llu kills, %llu of launchd, %llu stops, %llu messages",
            number((now - begun_) / kSecond), number(struck.kills), number(struck.launchd_kills),
            number(struck.stops), number(ledger_.next_message));
  }

  // First nothing new is begun, then what is under way comes to its end, then all leave.
  void calm_down() {
    crew_.continue_all();
    ledger_.stage = kNothingNew;
    wait_until([this] {
      return crew_.all([](const Place& place) { return place.ready != 0 && place.client == 0; });
    });
    uint32_t idles[kPlacesMost];
    for (unsigned i = 0; i < plan_.processes; i++) idles[i] = ledger_.place[i].idles;
    wait_until([&] {
      return crew_.all([&](const Place& place) { return place.idles - idles[&place - ledger_.place] >= 3; });
    });
    ledger_.stage = kLeave;
    wait_until([this] { return !crew_.anybody(); });
    crew_.end_the_rest();
  }
  // By the storm's clock, so that a busy machine has its time.
  template <class Condition>
  void wait_until(Condition&& condition) {
    const uint64_t until = ledger_.clock + 120 * kSecond;
    while (!condition() && ledger_.clock < until) {
      usleep(5000);
      crew_.watch();
    }
  }

  // ---------------------------------------------------------------------------------------------------
  // adding up

  static unsigned long long number(uint64_t value) { return value; }

  bool add_up() {
    const uint64_t elements = count_elements();
    const Report report = view_.fsck();
    verdict_.add_rest();
    print_table();
    const uint64_t odd = print_odd();
    print_messages(stdout);
    fputs(report.text().c_str(), stdout);
    printf("fsck: %s\n", report.clean() ? "clean" : "BROKEN");
    const Struck& struck = crew_.struck();
    const bool good = verdict_.lost() == 0 && verdict_.duplicated() == 0 && struck.hung == 0 &&
                      elements == 0 && report.clean() && odd == 0 && ledger_.spoiled == 0 &&
                      ledger_.astray == 0 && struck.failed == 0 && view_.quarantined() == 0;
    if (!good) save_evidence();
    printf("storm: %llu kills, %llu lost, %llu duplicated, %llu hung, %llu elements leaked\n",
           number(struck.kills), number(verdict_.lost()), number(verdict_.duplicated()), number(struck.hung),
           number(elements));
    return good;
  }

  // The dead are recovered and their tasks ended: one is left, the bystander. That may take its time.
  uint64_t count_elements() {
    View::Census after = view_.census();
    for (unsigned i = 0; i < 600 && (more_than_before(after, false) != 0 || view_.launchd() == 0); i++) {
      usleep(50'000);
      crew_.watch();
      after = view_.census();
    }
    return more_than_before(after, true);
  }
  uint64_t more_than_before(const View::Census& after, bool say) const {
    uint64_t more = 0;
    auto compare = [&](unsigned now, unsigned before, const std::string& what) {
      if (now <= before) return;
      more += now - before;
      if (say) printf("%s: %u, %u before the storm\n", what.c_str(), now, before);
    };
    for (size_t id = 0; id < after.elements.size(); id++)
      compare(after.elements[id], before_.elements[id], "elements of zone " + std::to_string(id));
    compare(after.threads, before_.threads, "thread slots");
    return more;
  }

  static void row(const char* what, uint64_t n) { printf("  %-40s %12llu\n", what, number(n)); }

  void print_table() const {
    const Struck& struck = crew_.struck();
    printf("%u processes, %.1f s, seed %llu\n", plan_.processes, raged_, number(plan_.seed));
    row("processes killed", struck.kills - struck.launchd_kills);
    row("launchd killed", struck.launchd_kills);
    row("processes stopped for a while", struck.stops);
    row("launchd stopped for a while", struck.launchd_stops);
    row("killed while stopped", struck.killed_stopped);
    row("lives", ledger_.next_life);
    row("messages sent", verdict_.sent);
    row("  received", verdict_.received);
    row("  gone with who was to receive them", verdict_.gone);
    row("  gone with a box", verdict_.boxed);
    row("messages refused", verdict_.refused);
    row("messages whose sender died in the call", verdict_.unknown);
#define X(name, text) row(text, ledger_.traffic[static_cast<unsigned>(Traffic::name)]);
    PORTOLAN_STORM_TRAFFIC(X)
#undef X
  }

  uint64_t print_odd() const {
    uint64_t times = 0;
    for (const Odd& odd : ledger_.odd) {
      if (odd.times == 0) continue;
      printf("not foreseen: %s: %d (%#x), %llu times\n", text_at(odd.what), odd.code.load(),
             static_cast<unsigned>(odd.code.load()), number(odd.times));
      times += odd.times;
    }
    if (ledger_.spoiled != 0) printf("%llu messages were not what was sent\n", number(ledger_.spoiled));
    if (ledger_.astray != 0) printf("%llu rights are not where they should be\n", number(ledger_.astray));
    if (view_.quarantined() != 0) printf("%u things that recovery could not believe\n", view_.quarantined());
    if (crew_.struck().failed != 0)
      printf("%llu processes ended by themselves\n", number(crew_.struck().failed));
    return times;
  }

  // Those that something is wrong with.
  void print_messages(FILE* file) const {
    for (const std::string& line : verdict_.complaints()) fprintf(file, "%s\n", line.c_str());
    for (const Strange& one : ledger_.strange)
      if (one.sequence != 0)
        fprintf(file, "strange: message %llu, the %uth of life %u's thread %u to its receiver: %s\n",
                number(one.sequence), one.counter.load(), one.from / kThreads, one.from % kThreads,
                text_at(one.what));
  }

  // The first time that something is wrong: the segment as it is, and what everybody is doing.
  void save_evidence() {
    if (saved_) return;
    saved_ = true;
    const std::string above = PORTOLAN_BUILD_DIR "/storm",
                      directory = above + "/seed-" + std::to_string(plan_.seed);
    mkdir(above.c_str(), 0777);
    mkdir(directory.c_str(), 0700);
    const bool copied = view_.save(directory);
    FILE* file = fopen((directory + "/places").c_str(), "w");
    for (unsigned i = 0; file != nullptr && i < plan_.processes; i++) {
      const Place& place = ledger_.place[i];
      fprintf(file, "place %u: life %u, process %d, ready %u, client %u\n", i, place.life.load(),
              place.pid.load(), place.ready.load(), place.client.load());
      for (const auto& doing : place.doing)
        if (const uint64_t since = doing.since; since != 0)
          fprintf(file, "  for %.1f s: %s\n", static_cast<double>(ledger_.clock - since) / 1e9,
                  text_at(doing.what));
    }
    if (file != nullptr) {
      print_messages(file);
      fclose(file);
    }
    fprintf(stderr, "storm: see %s (places%s); again with --seed %llu\n", directory.c_str(),
            copied ? ", and the segment, for the command portolan" : "; the segment could not be copied",
            number(plan_.seed));
    if (getenv("PORTOLAN_STORM_HOLD") != nullptr) ::pause();  // for whoever wants to look at it
  }

  const Plan& plan_;
  Ledger& ledger_;
  std::mt19937_64 random_;
  View view_;
  Crew crew_;
  Verdict verdict_;
  pid_t bystander_ = 0;
  View::Census before_;
  uint64_t begun_ = 0, told_ = 0;
  double raged_ = 0;
  bool saved_ = false;
};

}  // namespace

int run_storm(const Plan& plan) {
  Ledger* ledger = make_ledger();
  if (ledger == nullptr) {
    fprintf(stderr, "storm: no memory for the ledger\n");
    return 1;
  }
  return std::make_unique<Master>(plan, *ledger)->run();
}

}  // namespace portolan::storm
