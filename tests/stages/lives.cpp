// SPDX-License-Identifier: Apache-2.0
#include "stages/lives.hpp"

#include <errno.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <memory>

#include "stages/follower.hpp"
#include "stages/scene.hpp"
#include "stages/traced.hpp"

#ifndef MADV_WIPEONFORK
#define MADV_WIPEONFORK 18
#endif

namespace portolan::stages {

const Life kLives[] = {
    {"found", "the first process of a domain makes it"},
    {"arrives", "a program joins as it is loaded"},
    {"forks", "a task forks"},
    {"fork-child", "a fork's child joins"},
    {"raw-child", "a child that was made around the library joins at its first trap"},
    {"execs", "a task becomes another program"},
    {"execed", "that program joins"},
    {"spawns", "a task spawns a program"},
    {"ends", "a task ends"},
    {"attaches", "the first trap of another thread"},
    {"detaches", "a thread ends"},
    {"grows", "the table of names grows"},
    {"sends-memory", "memory out of line is sent and received"},
    {"is-woken", "a thread sleeps, and is woken"},
    {"launchd", "launchd starts, and clears up behind a dead task"},
};
const unsigned kLivesCount = sizeof kLives / sizeof *kLives;

namespace {

constexpr uint64_t kApart = 101;  // places where nothing is known of the segment

// The library's own page is what it makes first.
bool joins(const Call& call) { return call.number == SYS_madvise && call.arguments[2] == MADV_WIPEONFORK; }
bool names_itself(const Call& call) { return call.number == SYS_prctl && call.arguments[0] == 15; }
bool waits(const Call& call) {
#ifdef SYS_poll
  if (call.number == SYS_poll) return true;
#endif
  return call.number == SYS_ppoll;
}

class Lives {
 public:
  Lives(const std::string& name, const LifeOptions& options, Tally& tally)
      : name_(name), options_(options), tally_(tally), founds_(name == "found"), launchd_(name == "launchd") {}

  void run() {
    if (!founds_) scene_ = std::make_unique<Scene>();
    if (scene_ && !scene_->failure().empty()) return tally_.wrong(scene_->failure());
    std::vector<uint64_t> places = record();
    if (places.empty()) return tally_.wrong("nothing is recorded");
    const size_t apart = std::max<size_t>(options_.every, places.size() / options_.most);
    unsigned nth = 0;
    for (size_t i = options_.seed % apart; i < places.size() && tally_.violations < 5; i += apart)
      round(places[i], nth++ % 3 == 1);
  }

 private:
  // One that stands where it begins.
  std::unique_ptr<Traced> start(const user::Domain& domain) {
    const bool from_start = founds_ || launchd_ || name_ == "arrives";
    const std::string what = name_ == "execed" ? "execs" : founds_ ? "arrives" : name_;
    const Traced::Arguments words = launchd_ ? Traced::Arguments{PORTOLAN_LAUNCHD, domain.path()}
                                             : Traced::Arguments{lives_program(), what};
    auto it = std::make_unique<Traced>(domain.path(), words,
                                       from_start ? Tracing::from_start : Tracing::when_asked);
    bool there = it->alive() && it->failure().empty();
    if (there && name_ == "execed") there = it->to_exec();
    if (there && (from_start || name_ == "execed")) there = it->to_call(launchd_ ? names_itself : joins);
    if (there && (name_ == "fork-child" || name_ == "raw-child")) there = it->to_child();
    if (there) return it;
    tally_.wrong("does not begin: " + it->failure());
    return nullptr;
  }

  // The instructions after which the segment is what it never was before, and those around system calls.
  std::vector<uint64_t> record() {
    const user::Domain alone;
    const user::Domain& domain = founds_ ? alone : scene_->domain();
    if (launchd_) bereave();
    auto it = start(domain);
    if (!it) return {};
    std::unique_ptr<Follower> follower;
    if (!founds_) follower = std::make_unique<Follower>(domain.path());
    std::vector<uint64_t> places;
    uint64_t steps = 0;
    bool called = true;
    for (;; steps++) {
      Call call;
      const bool calls = it->at_call(call);
      const bool fresh = follower && follower->fresh();
      if (fresh || calls || called || (founds_ && steps % kApart == 0)) places.push_back(steps);
      called = calls;
      if (calls) tally_.count[kLifeCalls]++;
      if (calls && launchd_ && waits(call)) break;
      if (!it->step() || it->execed()) break;
    }
    tally_.count[kLifeSteps] = steps;
    if (follower) tally_.count[kLifeStates] = follower->states();
    if (!it->failure().empty() && name_ != "ends" && name_ != "detaches")
      tally_.wrong("when nobody harms it, it " + it->failure());
    it->kill();
    it->finish();
    if (launchd_) scene_->release();
    const std::string wrong = scene_ ? scene_->wrong() : "";
    if (!wrong.empty()) tally_.wrong("when it was only stepped: " + wrong);
    return places;
  }

  // A task has died, launchd too, and nobody starts another.
  void bereave() {
    user::Program dead(scene_->domain(), "lives", {"leaves"});
    if (dead.line() != "left") tally_.wrong("nobody to leave anything behind");
    scene_->hold();
    const pid_t launchd = scene_->launchd();
    if (launchd > 0) kill(launchd, SIGKILL);
    while (launchd > 0 && kill(launchd, 0) == 0) usleep(500);
    dead.kill_hard();
  }

  void round(uint64_t place, bool both) {
    std::unique_ptr<user::Domain> alone = founds_ ? std::make_unique<user::Domain>() : nullptr;
    if (launchd_) bereave();
    auto it = start(founds_ ? *alone : scene_->domain());
    if (!it) return;
    for (uint64_t i = 0; i < place && it->step() && !it->execed(); i++) {
    }
    const pid_t launchd = both && scene_ && !launchd_ ? scene_->launchd() : 0;
    if (launchd > 0) kill(launchd, SIGKILL);
    if (options_.sabotage && !scene_->wrong().empty()) return tally_.wrong("one that nobody killed");
    it->kill();
    const int status = it->finish();
    tally_.count[kLifeKills]++;
    tally_.count[kLifeBoth] += launchd > 0;
    if (launchd_) scene_->release();
    std::string wrong = founds_ ? wrong_alone(*alone) : scene_->wrong();
    if (status == 1 || status == -1) wrong += "; it exits with " + std::to_string(status);
    if (!wrong.empty())
      tally_.wrong("killed after " + std::to_string(place) + " instructions" +
                   (launchd > 0 ? " with launchd: " : ": ") + wrong);
  }

  // Whoever comes next finds a domain or makes one, and it goes with the last of them.
  std::string wrong_alone(const user::Domain& domain) {
    {
      user::Program server(domain, "lives", {"serves"});
      if (server.line() != "serves") return "nobody can serve there";
      if (!visited(domain)) return "a stranger cannot be served";
      if (domain.fsck() != 0) return "the domain is not sound";
    }
    for (int i = 0; i < 1000 && access(domain.path().c_str(), F_OK) == 0; i++) usleep(10000);
    return access(domain.path().c_str(), F_OK) == 0 ? "something is left of the domain" : "";
  }

  const std::string name_;
  const LifeOptions& options_;
  Tally& tally_;
  const bool founds_, launchd_;
  std::unique_ptr<Scene> scene_;
};

}  // namespace

void prove_life(const std::string& name, const LifeOptions& options, Tally& tally) {
  interrupt_each_second();
  Lives(name, options, tally).run();
}

}  // namespace portolan::stages
