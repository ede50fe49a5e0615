// SPDX-License-Identifier: Apache-2.0
#include "storm/master.hpp"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmath>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "ipc/fsck.hpp"
#include "ipc/objects.hpp"
#include "segment/domain.hpp"
#include "segment/futex.hpp"
#include "storm/calls.hpp"
#include "storm/ledger.hpp"
#include "storm/worker.hpp"

namespace portolan::storm {

namespace {

constexpr uint64_t kHang = 5'000'000'000, kSecond = 1'000'000'000;

// The domain seen from outside, without joining.
class View {
 public:
  bool open(const char* path) {
    DomainPlace place;
    DomainError error;
    if (domain_place(path, place, error) && domain_open_readonly(place, segment_, error)) return true;
    fprintf(stderr, "storm: %s\n", error.message);
    return false;
  }
  const Segment& segment() const { return segment_; }

  std::vector<uint32_t> census() const {
    std::vector<uint32_t> counts(kMaxZones);
    for (unsigned id = 0; id < kMaxZones; id++)
      for (uint32_t i = 1; i < segment_.zone(id).carved; i++)
        counts[id] += segment_.element(id, i).allocated();
    return counts;
  }
  unsigned threads() const {
    unsigned n = 0;
    for (uint32_t i = 1; i < segment_.header().threads_high.load(); i++)
      n += segment_.slot(i).state.load() != kSlotFree;
    return n;
  }
  pid_t launchd() const {
    const uint32_t slot = segment_.header().launchd.load();
    return slot == 0 || segment_.is_dead(slot) ? 0 : static_cast<pid_t>(segment_.slot(slot).tid.load());
  }

 private:
  Segment segment_;
};

class Master {
 public:
  explicit Master(const Plan& plan) : plan_(plan), ledger_(make_ledger()), random_(plan.seed) {}

  int run() {
    if (ledger_ == nullptr) return give_up("no memory for the ledger");
    char path[] = "/dev/shm/portolan-storm-XXXXXX";
    if (mkdtemp(path) == nullptr) return give_up("no directory for the domain");
    setenv("PORTOLAN_DOMAIN", path, 1);
    ledger_->places = plan_.processes;
    if (!begin(path)) return give_up("the domain cannot be begun");
    rage();
    calm_down();
    const int status = add_up();
    kill(bystander_, SIGKILL);
    waitpid(bystander_, nullptr, 0);
    remove_domain(path);
    return status;
  }

 private:
  int give_up(const char* why) {
    fprintf(stderr, "storm: %s\n", why);
    return 1;
  }

  // ------------------------------------------------------------------------------------------- beginning,
  // ending

  bool begin(const char* path) {
    int pipe_ends[2];
    if (pipe(pipe_ends) != 0) return false;
    bystander_ = fork();
    if (bystander_ == 0) {
      prctl(PR_SET_PDEATHSIG, SIGKILL);
      Calls calls;
      const char* wrong = load(calls);
      if (wrong != nullptr) fprintf(stderr, "storm: %s\n", wrong);
      const char word = wrong == nullptr ? 'y' : 'n';
      (void)!write(pipe_ends[1], &word, 1);
      for (;;) pause();
    }
    char word = 'n';
    if (read(pipe_ends[0], &word, 1) != 1 || word != 'y') return false;
    close(pipe_ends[0]);
    close(pipe_ends[1]);
    if (!view_.open(path)) return false;
    // Launchd comes by itself, and is there when the counting begins.
    for (unsigned i = 0; i < 2000 && view_.launchd() == 0; i++) usleep(1000);
    usleep(300'000);
    before_ = view_.census();
    threads_before_ = view_.threads();
    return true;
  }

  void remove_domain(const char* path) {
    // Launchd removes it when the last task is gone; this is for where it cannot.
    for (unsigned i = 0; i < 50 && access(path, F_OK) == 0; i++) usleep(100'000);
    if (access(path, F_OK) == 0) fprintf(stderr, "storm: the domain was not removed: %s\n", path);
  }

  void spawn(unsigned index) {
    Place& place = ledger_->place[index];
    const uint32_t life = ++ledger_->next_life;
    if (life >= kLivesMost) return;
    place.ready = 0;
    place.client = 0;
    for (auto& doing : place.doing) doing.since = 0;
    ledger_->fate[life] = Fate::living;
    place.life = life;
    const pid_t pid = fork();
    if (pid == 0) work(*ledger_, index, life);
    place.pid = pid;
  }

  // ---------------------------------------------------------------------------------------------------- the
  // storm

  void rage() {
    for (unsigned i = 0; i < plan_.processes; i++) spawn(i);
    const uint64_t begun = monotonic_ns(), end = begun + plan_.seconds * kSecond;
    uint64_t told = begun, next_kill = begun + kSecond / 2;
    while (monotonic_ns() < end && kills_ < plan_.kills) {
      const uint64_t now = monotonic_ns();
      if (now >= next_kill) {
        strike();
        next_kill = now + pause();
      } else {
        usleep(static_cast<useconds_t>(std::min<uint64_t>(next_kill - now, 20'000'000) / 1000));
      }
      watch();
      if (isatty(2) != 0 && now - told > kSecond) {
        told = now;
        fprintf(stderr, "\r\33[K%llu kills, %llu messages, %llu s", static_cast<unsigned long long>(kills_),
                static_cast<unsigned long long>(ledger_->next_message.load()),
                static_cast<unsigned long long>((now - begun) / kSecond));
      }
    }
    raged_ = static_cast<double>(monotonic_ns() - begun) / 1e9;
    if (isatty(2) != 0) fprintf(stderr, "\r\33[K");
  }

  uint64_t pause() {
    const double unit = static_cast<double>(random_() >> 11) / 9007199254740992.0;
    return static_cast<uint64_t>(-std::log(1 - unit) * plan_.pause_ms * 1e6);
  }

  void strike() {
    if (random_() % 100 == 0) {
      const pid_t launchd = view_.launchd();
      if (launchd != 0 && ::kill(launchd, SIGKILL) == 0) {
        kills_++;
        launchd_kills_++;
      }
      return;
    }
    const unsigned index = static_cast<unsigned>(random_() % plan_.processes);
    // Most have begun to work when they die; some have not even joined.
    if (ledger_->place[index].ready == 0 && random_() % 4 != 0) return;
    end_life(index);
    kills_++;
    spawn(index);
  }

  void end_life(unsigned index) {
    Place& place = ledger_->place[index];
    Fate living = Fate::living;
    ledger_->fate[place.life].compare_exchange_strong(living, Fate::killed);
    ::kill(place.pid, SIGKILL);
    waitpid(place.pid, nullptr, 0);
  }

  // Who is in one call for too long hangs; who has ended without being told to has failed.
  void watch() {
    const uint64_t now = monotonic_ns();
    for (unsigned i = 0; i < plan_.processes; i++) {
      Place& place = ledger_->place[i];
      if (place.pid == 0) continue;
      for (unsigned t = 0; t < kThreads; t++) {
        const uint64_t since = place.doing[t].since;
        if (since == 0 || now < since + kHang) continue;
        fprintf(stderr, "storm: process %d hangs in %s\n", place.pid.load(), place.doing[t].what.load());
        hung_++;
        if (getenv("PORTOLAN_STORM_HOLD") != nullptr) ::pause();  // for whoever wants to look at it
        end_life(i);
        if (ledger_->stage == kRunning) spawn(i);
        break;
      }
      int status = 0;
      if (waitpid(place.pid, &status, WNOHANG) != place.pid) continue;
      if (ledger_->stage == kRunning || !WIFEXITED(status) || WEXITSTATUS(status) != 0) {
        fprintf(stderr, "storm: process %d ended by itself, status %#x\n", place.pid.load(),
                static_cast<unsigned>(status));
        failed_++;
        ledger_->fate[place.life] = Fate::killed;
      }
      place.pid = 0;
      if (ledger_->stage == kRunning) spawn(i);
    }
  }

  // First nothing new is begun, then what is under way comes to its end, then all leave.
  void calm_down() {
    ledger_->stage = kNothingNew;
    wait_for(30, [this] {
      for (unsigned i = 0; i < plan_.processes; i++)
        if (ledger_->place[i].pid != 0 && (ledger_->place[i].ready == 0 || ledger_->place[i].client != 0))
          return false;
      return true;
    });
    uint32_t idles[kPlacesMost];
    for (unsigned i = 0; i < plan_.processes; i++) idles[i] = ledger_->place[i].idles;
    wait_for(30, [&] {
      for (unsigned i = 0; i < plan_.processes; i++)
        if (ledger_->place[i].pid != 0 && ledger_->place[i].idles - idles[i] < 3) return false;
      return true;
    });
    ledger_->stage = kLeave;
    wait_for(30, [this] {
      for (unsigned i = 0; i < plan_.processes; i++)
        if (ledger_->place[i].pid != 0) return false;
      return true;
    });
    for (unsigned i = 0; i < plan_.processes; i++) {
      if (ledger_->place[i].pid == 0) continue;
      fprintf(stderr, "storm: process %d does not leave\n", ledger_->place[i].pid.load());
      hung_++;
      end_life(i);
    }
  }
  template <class Condition>
  void wait_for(unsigned seconds, Condition&& condition) {
    const uint64_t until = monotonic_ns() + seconds * kSecond;
    while (!condition() && monotonic_ns() < until) {
      usleep(5000);
      watch();
    }
  }

  // ---------------------------------------------------------------------------------------------------
  // adding up

  int add_up() {
    // The dead are recovered and their tasks ended: one is left, the bystander.
    std::vector<uint32_t> after = view_.census();
    for (unsigned i = 0; i < 200; i++) {
      usleep(50'000);
      std::vector<uint32_t> again = view_.census();
      if (again == after && again[ipc::kZoneTask] <= before_[ipc::kZoneTask] && view_.launchd() != 0 &&
          view_.threads() <= threads_before_)
        break;
      after = again;
    }
    uint64_t elements = 0;
    for (unsigned id = 0; id < kMaxZones; id++) {
      if (after[id] <= before_[id]) continue;
      elements += after[id] - before_[id];
      printf("zone %u: %u elements, %u before the storm\n", id, after[id], before_[id]);
    }
    const unsigned threads = view_.threads();
    if (threads > threads_before_) {
      elements += threads - threads_before_;
      printf("%u thread slots are taken, %u before the storm\n", threads, threads_before_);
    }
    const Report report = ipc::fsck(view_.segment());
    fputs(report.text().c_str(), stdout);

    uint64_t lost = ledger_->gaps, twice = ledger_->repeats, sent = 0, received = 0, unknown = 0;
    const uint64_t last = std::min(ledger_->next_message.load(), kMessagesMost - 1);
    for (uint64_t i = 1; i <= last; i++) {
      const Message& line = ledger_->message[i];
      const uint32_t marks = line.marks, times = marks / kReceivedOnce;
      sent += (marks & kSent) != 0;
      received += times != 0;
      unknown += (marks & (kSent | kRefused)) == 0;
      if (times > 1 || (times != 0 && (marks & kRefused) != 0)) twice++;
      if ((marks & kSent) != 0 && times == 0 && line.to != 0 && ledger_->fate[line.to] == Fate::finished)
        lost++;
    }
    uint64_t odd_codes = 0;
    for (const Odd& odd : ledger_->odd) {
      if (odd.times == 0) continue;
      printf("undocumented: %s returned %d (%#x), %llu times\n", odd.call.load(), odd.code.load(),
             static_cast<unsigned>(odd.code.load()), static_cast<unsigned long long>(odd.times.load()));
      odd_codes += odd.times;
    }
    if (ledger_->spoiled != 0) printf("%llu messages were not what was sent\n", count(ledger_->spoiled));
    if (failed_ != 0)
      printf("%llu processes ended by themselves\n", static_cast<unsigned long long>(failed_));
    printf("%u processes, %.1f s: %llu lives, %llu of launchd's killed\n", plan_.processes, raged_,
           static_cast<unsigned long long>(ledger_->next_life.load()),
           static_cast<unsigned long long>(launchd_kills_));
    printf("%llu messages sent, %llu received, %llu whose sender died in the call\n",
           static_cast<unsigned long long>(sent), static_cast<unsigned long long>(received),
           static_cast<unsigned long long>(unknown));
    printf(
        "%llu calls: %llu answered, %llu whose end was told; %llu rights that wandered, %llu ports opened on "
        "their way, "
        "%llu pieces of memory, %llu deaths told\n",
        count(ledger_->requests), count(ledger_->answers), count(ledger_->ends), count(ledger_->tokens),
        count(ledger_->boxes), count(ledger_->memories), count(ledger_->deaths));
    printf("fsck: %s\n", report.clean() ? "clean" : "BROKEN");
    printf("storm: %llu kills, %llu lost, %llu duplicated, %llu hung, %llu elements leaked\n",
           static_cast<unsigned long long>(kills_), static_cast<unsigned long long>(lost),
           static_cast<unsigned long long>(twice), static_cast<unsigned long long>(hung_),
           static_cast<unsigned long long>(elements));
    const bool good = lost == 0 && twice == 0 && hung_ == 0 && elements == 0 && report.clean() &&
                      odd_codes == 0 && ledger_->spoiled == 0 && failed_ == 0;
    return good ? 0 : 1;
  }
  static unsigned long long count(const std::atomic<uint64_t>& value) { return value.load(); }

  const Plan& plan_;
  Ledger* ledger_;
  std::mt19937_64 random_;
  pid_t bystander_ = 0;
  View view_;
  std::vector<uint32_t> before_;
  unsigned threads_before_ = 0;
  uint64_t kills_ = 0, launchd_kills_ = 0, hung_ = 0, failed_ = 0;
  double raged_ = 0;
};

}  // namespace

int run_storm(const Plan& plan) { return std::make_unique<Master>(plan)->run(); }

}  // namespace portolan::storm
