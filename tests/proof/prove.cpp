// SPDX-License-Identifier: Apache-2.0
#include "proof/prove.hpp"

#include <errno.h>
#include <gtest/gtest.h>
#include <linux/futex.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <map>
#include <random>
#include <unordered_set>

#include "ipc/fsck.hpp"
#include "proof/describe.hpp"
#include "proof/portrait.hpp"
#include "proof/sound.hpp"
#include "proof/symbols.hpp"
#include "segment/futex.hpp"
#include "segment/recovery.hpp"

namespace portolan::proof {

namespace {

using test::Course;
using test::Image;
using test::Killed;
using test::Line;
using test::Moment;
using test::Phase;
using test::Stepper;

constexpr uint32_t kEnd = UINT32_MAX;
constexpr unsigned kBreakdowns = 20;

void copy_text(char* to, size_t room, const std::string& text) { snprintf(to, room, "%s", text.c_str()); }

void add_finding(Row& row, uint64_t step, Way way, const std::string& what, const std::string& where) {
  row.violations++;
  for (uint32_t i = 0; i < row.findings; i++) {
    if (strncmp(row.finding[i].what, what.c_str(), sizeof row.finding[i].what - 1) != 0) continue;
    row.finding[i].times++;
    return;
  }
  if (row.findings == kFindings) return;
  Finding& finding = row.finding[row.findings++];
  finding.times = 1;
  finding.step = step;
  finding.way = way;
  copy_text(finding.what, sizeof finding.what, what);
  copy_text(finding.where, sizeof finding.where, where);
}

// A state that a real SIGKILL left.
struct RealDeath {
  uint64_t step;  // 0: killed at some time
  Phase phase;
  std::vector<Line> lines;  // against the base
};

class Proof {
 public:
  Proof(const Listed& listed, const Options& options, Row& row)
      : options_(options), row_(row), w_(*new World), scenario_(listed.make(w_)) {
    scenario_->stage();
    World::require(!testing::UnitTest::GetInstance()->ad_hoc_test_result().Failed(),
                   "what the scenario needs");
    outcomes_ = scenario_->outcomes();
    victim_ = scenario_->victim();
  }

  void run() {
    mallopt(M_MMAP_THRESHOLD, 32 << 20);  // see Image: children's mappings must come to the same addresses
    const Report staged = ipc::fsck(w_.segment());
    World::require(staged.clean() || scenario_->staged_unsound(), staged.text().c_str());
    const Image base(w_.segment());
    base_ = &base;
    unsigned naps = 0;
    auto asleep = [&] { scenario_->asleep(naps++); };
    Stepper stepper(
        w_.segment(), [this] { scenario_->trap(); },
        scenario_->may_sleep() ? std::function<void()>(asleep) : nullptr);
    stepper.patience_ns = options_.hang_ns;
    stepper.passed = options_.passed;
    course_ = stepper.pass(base, saboteur());
    row_.steps = course_.steps;
    row_.changes = course_.moments.size();
    row_.states = course_.states.size();
    if (!course_.failure.empty()) add_finding(row_, course_.steps, Way::launchd, course_.failure, "");
    if (course_.failure.empty() && options_.kills != 0 && options_.sabotage.nth == 0)
      kill_some(stepper, naps);
    base.restore_all(w_.segment());
    recover_all();
    row_.done = 1;
  }

 private:
  // Runs after each step, before anybody has seen what it did: a peer of the scenario's, or a saboteur.
  test::Tamper saboteur() {
    if (options_.sabotage.nth == 0) return [this] { scenario_->meanwhile(); };
    auto& word = *reinterpret_cast<Hint<uint32_t>*>(
        reinterpret_cast<std::byte*>(&w_.segment().slot(victim_)) + options_.sabotage.offset);
    return [this, &word, last = word.load(), seen = 0u]() mutable {
      const uint32_t now = word.load();
      if (now > last && ++seen == options_.sabotage.nth) {
        if (options_.sabotage.offset == offsetof(ThreadSlot, log_length))
          copy_text(row_.sabotaged, sizeof row_.sabotaged, describe_entry(w_.segment(), victim_, last));
        word.store(last);
      }
      last = word.load();
    };
  }

  // ------------------------------------------------------------------------------------------------- real
  // kills

  void kill_some(Stepper& stepper, unsigned& naps) {
    std::mt19937_64 random(options_.seed * 0x9e3779b97f4a7c15ull + course_.steps);
    // Of a long trap fewer: to step so far takes long, too.
    const uint64_t stepped = std::min<uint64_t>(options_.kills, 2 + 1'000'000 / (course_.steps + 1));
    for (unsigned i = 0; i < stepped; i++) {
      const uint64_t step = random() % (course_.steps + 1);
      naps = 0;
      base_->restore_all(w_.segment());
      after_kill(stepper.kill_after_steps(step), true);
    }
    base_->restore_all(w_.segment());
    // A body that has to be woken never ends by itself: it is killed early, or in its sleep.
    const uint64_t takes = scenario_->may_sleep() ? 100'000 : stepper.duration(20'000'000);
    for (unsigned i = 0; i < options_.kills; i++) {
      base_->restore_all(w_.segment());
      after_kill(stepper.kill_after_time(takes == 0 ? 0 : random() % (takes + takes / 4)), false);
    }
  }

  void after_kill(const Killed& killed, bool counted) {
    if (!killed.failure.empty()) {
      add_finding(row_, killed.steps, Way::launchd, "a child to be killed: " + killed.failure, "");
      return;
    }
    row_.kills++;
    if (killed.phase == Phase::during) row_.kills_inside++;
    RealDeath death{killed.steps, killed.phase, {}};
    base_->differences(w_.segment(), death.lines);
    const Image left(w_.segment());
    const uint64_t expected = counted ? hash_after(killed.steps) : 0;
    // A step that waited for time to pass may be one of several: then any state of the pass will do.
    const bool known = course_.states.count(left.hash()) != 0;
    const bool comparable = !scenario_->differs_each_time();
    if (comparable && (!known || (counted && left.hash() != expected && !scenario_->may_sleep() &&
                                  !scenario_->takes_time())))
      add_finding(row_, killed.steps, Way::launchd,
                  known ? "a real SIGKILL left another state than the step it came after"
                        : "a real SIGKILL left a state that no step had left",
                  "");
    deaths_.push_back(std::move(death));
  }

  uint64_t hash_after(uint64_t steps) const {
    uint64_t hash = base_->hash();
    for (const Moment& moment : course_.moments) {
      if (moment.step > steps) break;
      hash = moment.hash;
    }
    return hash;
  }

  // --------------------------------------------------------------------------------------------------
  // recovering

  // Children do it, one after the other where one breaks down, each beginning behind where the last one
  // ended.
  void recover_all() {
    row_.at = 0;
    row_.way = 0;
    for (uint32_t& rank : row_.rank) rank = 0;
    const int said = memfd_create("said", 0);
    for (unsigned children = 0; row_.at != kEnd && row_.violations < options_.enough; children++) {
      if (children == kBreakdowns) {
        add_finding(row_, step_of(row_.at), Way::launchd,
                    "recovery breaks down again and again: the rest is left out", "");
        break;
      }
      if (ftruncate(said, 0) != 0 || lseek(said, 0, SEEK_SET) != 0) break;
      const pid_t pid = fork();
      if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        dup2(said, 2);
        test::branch_off(w_.segment(), *base_);
        recover_from(row_.at, row_.way);
        row_.at = kEnd;
        _exit(0);
      }
      watch(pid, said);
    }
    close(said);
  }

  void watch(pid_t pid, int said) {
    uint64_t beat = row_.beats, since = monotonic_ns();
    int status = 0;
    bool hangs = false;
    while (waitpid(pid, &status, WNOHANG) == 0) {
      usleep(2000);
      const uint64_t now = monotonic_ns();
      if (row_.beats != beat) {
        beat = row_.beats;
        since = now;
      } else if (now - since > options_.hang_ns) {
        hangs = true;
        kill(pid, SIGKILL);
        waitpid(pid, &status, 0);
        break;
      }
    }
    if (row_.at == kEnd) return;
    char text[256] = "";
    const ssize_t length = pread(said, text, sizeof text - 1, 0);
    text[length < 0 ? 0 : length] = 0;
    std::string what = hangs ? "recovery hangs" : "recovery crashes: ";
    if (!hangs) what += WIFSIGNALED(status) ? strsignal(WTERMSIG(status)) : "exit";
    if (text[0] != 0) what += std::string(": ") + text;
    while (!what.empty() && what.back() == '\n') what.pop_back();
    add_finding(row_, step_of(row_.at), static_cast<Way>(row_.way.load()), what, "");
    row_.tried++;
    // Behind it.
    if (row_.way + 1 < ways()) {
      row_.way++;
    } else {
      row_.way = 0;
      row_.at++;
    }
  }

  uint32_t ways() const { return options_.ways ? static_cast<uint32_t>(Way::kWays) : 1; }

  // States are numbered: 0 the base, then the moments, then the real deaths.
  uint64_t step_of(uint32_t at) const {
    if (at == 0) return 0;
    if (at <= course_.moments.size()) return course_.moments[at - 1].step;
    const size_t death = at - 1 - course_.moments.size();
    return death < deaths_.size() ? deaths_[death].step : 0;
  }

  void recover_from(uint32_t at, uint32_t way) {
    learn_ends();
    Image state(w_.segment());
    state.become(*base_);
    const auto moments = static_cast<uint32_t>(course_.moments.size());
    const size_t stride = options_.deep == 0 ? 1 : std::max<size_t>(1, course_.states.size() / options_.deep);
    size_t nth = 0;
    for (uint32_t i = 0; i <= moments && row_.violations < options_.enough; i++) {
      bool fresh = i == 0;
      if (i != 0) {
        const Moment& moment = course_.moments[i - 1];
        for (size_t n = moment.first; n < moment.end; n++) state.apply(course_.lines[n]);
        fresh = !moment.seen;
      }
      if (i < at || !fresh) {
        nth += fresh;
        continue;
      }
      for (uint32_t n = i == at ? way : 0; n < ways() && options_.judging; n++) {
        note(i, n);
        try_state(state, i, static_cast<Way>(n), true);
      }
      if (options_.deep != 0 && nth++ % stride == stride / 2) recover_recovery(state, i);
    }
    for (uint32_t i = 0; i < deaths_.size(); i++) {
      if (moments + 1 + i < at) continue;
      note(moments + 1 + i, 0);
      state.become(*base_);
      for (const Line& line : deaths_[i].lines) state.apply(line);
      try_state(state, moments + 1 + i, Way::launchd, false);
    }
  }

  void note(uint32_t at, uint32_t way) {
    row_.at = at;
    row_.way = way;
    row_.beats++;
  }

  // What the first and the last outcome look like is learned from the first and the last state.
  void learn_ends() {
    Image state(w_.segment());
    judge(state, Way::launchd, 0, nullptr);
    for (const Moment& moment : course_.moments)
      for (size_t n = moment.first; n < moment.end; n++) state.apply(course_.lines[n]);
    row_.beats++;
    if (course_.failure.empty()) judge(state, Way::launchd, 0, nullptr);
    row_.beats++;
  }

  void try_state(const Image& state, uint32_t at, Way way, bool ordered) {
    row_.tried++;
    std::vector<std::string> wrong;
    const unsigned outcome = judge(state, way, 0, &wrong);
    if (outcome < kOutcomes) row_.outcomes[outcome]++;
    const auto w = static_cast<size_t>(way);
    if (ordered && outcome < row_.rank[w] && wrong.empty())
      wrong.push_back("recovered to \"" + outcomes_[outcome] + "\" after an earlier state had come to \"" +
                      outcomes_[row_.rank[w]] + "\"");
    if (at == 0 && outcome != 0)
      wrong.push_back("nothing was done, and recovery made it \"" + outcomes_[outcome] + "\"");
    if (ordered && wrong.empty()) row_.rank[w] = outcome;
    if (ordered && at == course_.moments.size() && course_.failure.empty() && outcome + 1 != outcomes_.size())
      wrong.push_back("all was done, and recovery made it \"" + outcomes_[outcome] + "\"");
    report(state, at, way, wrong);
  }

  void report(const Image& state, uint32_t at, Way way, const std::vector<std::string>& wrong) {
    if (wrong.empty()) return;
    state.restore(w_.segment());
    std::string where = describe_thread(w_.segment(), victim_);
    if (at != 0 && at <= course_.moments.size())
      where = "in " + symbol_at(course_.moments[at - 1].instruction) + "; " + where;
    std::string all;
    for (const std::string& one : wrong) all += (all.empty() ? "" : "; ") + one;
    add_finding(row_, step_of(at), way, all, where);
  }

  // -----------------------------------------------------------------------------------------------------
  // judging

  struct Look {
    bool known = false;
    std::string portrait, after;   // when the victim is recovered, and when its task has ended
    std::vector<uint32_t> census;  // then
  };

  // Linux marks the life word of a thread that dies, if it still carries the thread's id.
  void mark_dead(uint32_t slot) {
    auto& word = w_.segment().life(slot).word;
    const uint32_t seen = word.load();
    if (seen != 0) word.store((seen & FUTEX_WAITERS) | FUTEX_OWNER_DIED);
  }

  // Recovers a copy and says what came of it. `also_dead`: another thread that died with the victim, its
  // recoverer.
  unsigned judge(const Image& state, Way way, uint32_t also_dead, std::vector<std::string>* wrong) {
    Segment& segment = w_.segment();
    state.restore(segment);
    w_.set_reaper(also_dead != 0 ? w_.heir() : w_.launchd());
    Judge judge;
    const uint32_t quarantined = segment.header().quarantined.load();
    mark_dead(victim_);
    if (also_dead != 0) mark_dead(also_dead);
    if (way != Way::launchd) peer_first(way, judge);
    recover_dead_threads(w_.reaper());
    scenario_->afterwards();
    settle(w_.reaper());
    check_sound(segment, judge, "after recovery");
    const uint32_t set_aside = segment.header().quarantined.load() - quarantined;
    if (scenario_->staged_damage())
      judge.expect(segment.header().quarantined.load() != 0, "damage was not noticed");
    else
      judge.equal(0, set_aside, "things that recovery could not believe");
    if (const uint32_t item = w_.reaper().slot().work_head)
      judge.expect(false, "recovery left work undone: element " + std::to_string(work_index(item)) +
                              " of zone " + std::to_string(work_zone(item)));
    const unsigned outcome = scenario_->outcome(judge);
    if (outcome >= outcomes_.size()) {
      judge.expect(false, "an outcome that is not foreseen");
      if (wrong != nullptr) *wrong = judge.wrong();
      return outcome;
    }
    Look look{true, portrait(segment), "", {}};
    end_victims_task();
    check_sound(segment, judge, "after the task's end");
    look.after = portrait(segment);
    look.census = w_.census();
    look.census.back() -= still_there(also_dead, way);
    compare(judge, outcome, look);
    scenario_->clear_away();
    for (auto& task : w_.tasks()) w_.end_task(*task);
    check_sound(segment, judge, "after all tasks' end");
    std::vector<uint32_t> left = w_.census(), fresh = w_.fresh();
    fresh.back() -= 2;
    left.back() -= still_there(also_dead, way);
    for (size_t zone = 0; zone < left.size() && !scenario_->keeps_elements(); zone++)
      judge.equal(fresh[zone], left[zone],
                  zone < kMaxZones ? "elements of zone " + std::to_string(zone) + " in the end"
                                   : "threads in the end");
    if (wrong != nullptr) *wrong = judge.wrong();
    return outcome;
  }

  // Which of launchd and its heir live on.
  uint32_t still_there(uint32_t also_dead, Way way) const {
    return also_dead != 0 || way == Way::peer_dies ? 1 : 2;
  }

  void peer_first(Way way, Judge& judge) {
    Segment& segment = w_.segment();
    if (way == Way::peer_dies) {
      segment.slot(victim_).claim.store(w_.heir().index());
      mark_dead(w_.heir().index());
      return;
    }
    judge.expect(segment.slot(victim_).state.load() == kSlotFree || recover_locks(w_.heir(), victim_),
                 "a peer could not recover the locks");
    if (scenario_->staged_unsound()) return;  // somebody else is dead, too
    Report report;
    fsck_segment(segment, FsckOptions{}, report);
    judge.expect(report.clean(), "after stage 1: " + report.text());
  }

  void end_victims_task() {
    for (auto& task : w_.tasks())
      if (task->thread().index() == victim_) w_.end_task(*task);
  }

  void compare(Judge& judge, unsigned outcome, const Look& look) {
    if (!judge.wrong().empty()) return;
    Look& known = looks_[outcome];
    if (!known.known) {
      known = look;
      return;
    }
    if (known.census != look.census && !scenario_->keeps_elements())
      judge.expect(false, "other numbers of elements than with the same outcome before");
    if (!scenario_->same_portraits()) return;
    if (known.portrait != look.portrait)
      judge.expect(false, "looks different from the same outcome before:\n" +
                              difference(known.portrait, look.portrait));
    else if (known.after != look.after)
      judge.expect(false, "looks different after the task's end:\n" + difference(known.after, look.after));
  }

  // ---------------------------------------------------------------------------------------- the recoverer's
  // death

  // Launchd recovers this state and dies on the way, at every step.
  void recover_recovery(const Image& state, uint32_t at) {
    Segment& segment = w_.segment();
    std::vector<std::string> straight;
    const unsigned expected = judge(state, Way::launchd, 0, &straight);
    state.restore(segment);
    mark_dead(victim_);
    const Image begin(segment);
    Stepper stepper(segment, [this] {
      recover_dead_threads(w_.launchd());
      w_.set_reaper(w_.launchd());
      scenario_->afterwards();
      settle(w_.launchd());
    });
    stepper.passed = options_.passed;
    // On a busy machine this takes long: it is no hang.
    const Course course = stepper.pass(begin, [this] { row_.beats++; });
    if (!course.failure.empty()) {
      add_finding(row_, step_of(at), Way::launchd, "while recovery is stepped: " + course.failure, "");
      return;
    }
    const uint32_t launchd = w_.launchd().index();
    Image half(segment);
    half.become(begin);
    if (!options_.judging) return;
    for (const Moment& moment : course.moments) {
      for (size_t n = moment.first; n < moment.end; n++) half.apply(course.lines[n]);
      if (!deep_seen_.insert(moment.hash).second) continue;
      row_.deep++;
      row_.tried++;
      row_.beats++;
      std::vector<std::string> wrong;
      if (judge(half, Way::launchd, launchd, &wrong) != expected && wrong.empty())
        wrong.push_back("another outcome than when the recoverer lives");
      if (wrong.empty()) continue;
      half.restore(segment);
      std::string all;
      for (const std::string& one : wrong) all += (all.empty() ? "" : "; ") + one;
      add_finding(row_, step_of(at), Way::launchd, "its recoverer died: " + all,
                  "recovery step " + std::to_string(moment.step) + " in " + symbol_at(moment.instruction) +
                      "; " + describe_thread(segment, launchd) + "; " + describe_thread(segment, victim_));
    }
  }

  const Options& options_;
  Row& row_;
  World& w_;
  std::unique_ptr<Scenario> scenario_;
  std::vector<std::string> outcomes_;
  uint32_t victim_ = 0;
  const Image* base_ = nullptr;
  Course course_;
  std::vector<RealDeath> deaths_;
  std::map<unsigned, Look> looks_;
  std::unordered_set<uint64_t> deep_seen_;
};

}  // namespace

const char* way_name(Way way) {
  switch (way) {
    case Way::launchd:
      return "recovered by launchd";
    case Way::peer_first:
      return "locks recovered by a peer";
    default:
      return "locks recovered by a peer that died";
  }
}

void prove(const Listed& listed, const Options& options, Row& row) { Proof(listed, options, row).run(); }

}  // namespace portolan::proof
