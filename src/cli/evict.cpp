// SPDX-License-Identifier: Apache-2.0
// portolan evict: kills tasks that are stopped in the middle of a call of the kernel and let others wait for
// what they hold. Nobody else: who is stopped and holds nothing, or nothing that anybody wants, harms nobody.
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <iostream>
#include <nlohmann/json.hpp>
#include <set>

#include "cli/command.hpp"
#include "cli/json.hpp"
#include "cli/launch.hpp"
#include "cli/repeat.hpp"
#include "cli/source.hpp"
#include "cli/terminal.hpp"
#include "cli/waits.hpp"
#include "inspect/words.hpp"
#include "launchd/evict.hpp"
#include "segment/domain_files.hpp"
#include "segment/futex.hpp"

namespace portolan::cli {

using namespace inspect;

namespace {

constexpr double kLeast = 0.2;     // seconds that one is watched at least: a stop may be over at once
constexpr double kBetween = 0.05;  // between two looks
constexpr double kPatience = 10;   // for the dead one's lock to be freed

double seconds_since(uint64_t ns) { return static_cast<double>(monotonic_ns() - ns) / 1e9; }

// What became of one obstacle.
struct Outcome {
  Obstacle obstacle;
  LockedObject object;
  double seconds = 0;  // that it was watched
  Eviction result = Eviction::changed;
  bool freed = false;
};

const char* result_text(Eviction result) {
  switch (result) {
    case Eviction::killed:
      return "killed";
    case Eviction::gone:
      return "not killed: it has ended meanwhile";
    case Eviction::changed:
      return "not killed: it is not in the way any more";
    case Eviction::no_task:
      return "not killed: it is no task (kill -KILL ends it, and another launchd is started)";
    case Eviction::unknown:
      return "not killed: its process cannot be told for certain";
    case Eviction::not_permitted:
      break;
  }
  return "not killed: not permitted";
}

const char* result_word(Eviction result) {
  constexpr const char* kWords[] = {"killed", "gone", "changed", "no-task", "unknown", "not-permitted"};
  return kWords[static_cast<unsigned>(result)];
}

bool still_waits(const Segment& segment, const Obstacle& obstacle) {
  const std::vector<Wait> waits = lock_waits(segment);
  return std::any_of(waits.begin(), waits.end(), [&](const Wait& wait) {
    return wait.lock == obstacle.lock &&
           (wait.holder.same(obstacle.holder) || wait.dead.same(obstacle.holder));
  });
}

// After the kill: until its process has ended and nobody waits for its lock.
bool wait_freed(const Segment& segment, const Obstacle& obstacle, int pidfd) {
  const double end = seconds_now() + kPatience;
  pollfd ended{pidfd, POLLIN, 0};
  while (poll(&ended, 1, 100) != 1)
    if (seconds_now() > end) return false;
  // Its slot is taken off by whoever recovers it: until then its locks may be held.
  auto held = [&] {
    const auto& word = *reinterpret_cast<const LockWord*>(segment.base() + obstacle.lock);
    return word.owner() == obstacle.holder.slot &&
           segment.slot(obstacle.holder.slot).incarnation.load() == obstacle.holder.incarnation;
  };
  while (held() || still_waits(segment, obstacle)) {
    if (seconds_now() > end) return false;
    pause_seconds(kBetween);
  }
  return true;
}

class Evict : public Command {
 public:
  const char* name() const override { return "evict"; }
  const char* summary() const override { return "kill stopped tasks that others wait for"; }
  const char* question() const override { return "Is it sound"; }

  void options(Options& options) override {
    options
        .add("--stopped-for SECONDS", &stopped_for_,
             "only those that are in the way, without a break, for so long from now on")
        .between(0, 1e6);
    options.add("--dry-run", &dry_run_, "say who would be killed; kill nobody");
    options.add("--yes", &yes_, "do not ask");
    options.add("task", &words_, "only these; an error if one of them is not in anybody's way");
  }

  int run(const Globals& globals, const std::vector<std::string>&) override {
    if (globals.input) throw Failure{kUsage, "nobody in a copy can be killed", "portolan evict"};
    const bool asks = !yes_ && !dry_run_;
    if (asks && (globals.json || isatty(STDIN_FILENO) == 0 || isatty(STDERR_FILENO) == 0))
      throw Failure{kUsage, "there is nobody to ask: this is no terminal", "portolan evict --yes"};
    const Source source(globals);
    if (!in_our_pid_namespace(source.segment()))
      throw Failure{kRefused, "the domain's processes are in another pid namespace", ""};
    const Snapshot snapshot = source.snapshot();
    std::vector<const TaskInfo*> wanted;
    for (const std::string& word : words_) wanted.push_back(&select_task(snapshot, word, "evict"));

    std::vector<Outcome> outcomes = watch(source, wanted);
    if (outcomes.empty()) {
      if (globals.json)
        show(dump(json(source, snapshot, outcomes)), false);
      else if (!globals.quiet)
        show("nobody who is stopped is in anybody's way" + not_so_long() + "\n");
      return kFine;
    }
    if (!globals.json) show(plan_text(source, outcomes, width_of(STDOUT_FILENO, globals.wide)), false);
    const uint64_t tasks = tasks_in(outcomes);
    if (dry_run_ && !globals.json) show("would kill " + plural(tasks, "task") + "\n", false);
    if (asks && tasks != 0 && !agreed(tasks)) {
      say("nobody was killed\n");
      return kFound;
    }
    if (!dry_run_) kill_all(source, outcomes, globals.json);
    if (globals.json) show(dump(json(source, snapshot, outcomes)), false);
    return dry_run_ ? kFine : status_of(outcomes);
  }

 private:
  // Who is in the way, and stays so for as long as it is looked at. One who is not: out, and an error if it
  // was named.
  std::vector<Outcome> watch(const Source& source, const std::vector<const TaskInfo*>& wanted) const {
    const double length = std::max(stopped_for_, kLeast);
    Obstacles obstacles;
    obstacles.look(source.segment());
    for (const double start = seconds_now(); !obstacles.none() && seconds_now() - start < length;) {
      pause_seconds(std::min(kBetween, start + length - seconds_now()));
      obstacles.look(source.segment());
    }
    std::vector<Outcome> found;
    std::vector<uint32_t> pids;
    for (const Obstacle& obstacle : obstacles.all()) {
      const double seconds = seconds_since(obstacle.since_ns);
      if (seconds < length) continue;
      pids.push_back(obstacle.holder.pid);
      const bool named = std::any_of(wanted.begin(), wanted.end(),
                                     [&](const TaskInfo* task) { return task->pid == obstacle.holder.pid; });
      if (wanted.empty() || named)
        found.push_back({obstacle, locked_object(source.segment(), obstacle.lock), seconds});
    }
    for (const TaskInfo* task : wanted)
      if (std::find(pids.begin(), pids.end(), task->pid) == pids.end()) refuse(*task);
    return found;
  }

  [[noreturn]] void refuse(const TaskInfo& task) const {
    const std::string who = task.program + " (" + std::to_string(task.pid) + ")";
    bool stopped = false;
    for (const uint32_t tid : task.threads) stopped = stopped || look_at_thread(task.pid, tid).stopped();
    if (!stopped) throw Failure{kFound, who + " is not stopped", "portolan info"};
    throw Failure{kFound, who + " is stopped, but nobody waits for what it holds" + not_so_long(),
                  "portolan info"};
  }
  std::string not_so_long() const {
    return stopped_for_ > kLeast ? ", or not for " + decimal(stopped_for_) + " s" : "";
  }

  static std::string plan_text(const Source& source, const std::vector<Outcome>& outcomes, unsigned width) {
    std::string text;
    for (const Outcome& it : outcomes) {
      text += subject_text(source.segment(), it.obstacle.holder) + " is stopped; it holds " +
              object_text(it.object, width) + "\n";
      for (const Party& waiter : it.obstacle.waiters)
        text += "  " + subject_text(source.segment(), waiter) + " waits for it\n";
    }
    return text;
  }

  // How many tasks these are: one may be in the way with several locks, and launchd is no task.
  static uint64_t tasks_in(const std::vector<Outcome>& outcomes) {
    std::set<uint32_t> pids;
    for (const Outcome& it : outcomes)
      if (it.obstacle.holder.pid != 0) pids.insert(it.obstacle.holder.pid);
    return pids.size();
  }

  static bool agreed(uint64_t tasks) {
    say("Kill " + (tasks == 1 ? std::string("it") : "these " + plural(tasks, "task")) + "? [y/N] ");
    std::string answer;
    return std::getline(std::cin, answer) && (answer == "y" || answer == "yes");
  }

  // A task with several obstacles is killed once; each of them has to be free afterwards.
  static void kill_all(const Source& source, std::vector<Outcome>& outcomes, bool silent) {
    std::vector<std::pair<uint32_t, int>> killed;  // pid, pidfd
    for (Outcome& it : outcomes) {
      const uint32_t pid = it.obstacle.holder.pid;
      auto known = std::find_if(killed.begin(), killed.end(), [&](auto& one) { return one.first == pid; });
      if (known == killed.end()) {
        int pidfd = -1;
        it.result = evict(source.segment(), it.obstacle, &pidfd);
        if (it.result == Eviction::killed) known = killed.insert(killed.end(), {pid, pidfd});
      } else {
        it.result = Eviction::killed;
      }
      if (known != killed.end()) it.freed = wait_freed(source.segment(), it.obstacle, known->second);
      if (!silent) show(outcome_text(source, it), false);
    }
    for (const auto& [pid, pidfd] : killed) close(pidfd);
  }

  static std::string outcome_text(const Source& source, const Outcome& it) {
    std::string text = party_text(source.segment(), it.obstacle.holder) + ": " + result_text(it.result);
    if (it.result == Eviction::killed)
      text += it.freed ? "; " + plural(it.obstacle.waiters.size(), "thread goes on", "threads go on")
                       : "; but what it held is not free yet: portolan fsck --recover";
    return text + "\n";
  }

  static int status_of(const std::vector<Outcome>& outcomes) {
    int status = kFine;
    for (const Outcome& it : outcomes) {
      if (it.result == Eviction::not_permitted) return kNotPermitted;
      const bool well = it.result == Eviction::killed
                            ? it.freed
                            : it.result == Eviction::gone || it.result == Eviction::changed;
      if (!well) status = kFound;
    }
    return status;
  }

  Json json(const Source& source, const Snapshot& snapshot, const std::vector<Outcome>& outcomes) const {
    Json json = document("evict", source.name(), snapshot.boot);
    json["dry_run"] = dry_run_;
    json["stopped_for"] = stopped_for_;
    json["tasks"] = Json::array();
    for (const Outcome& it : outcomes) {
      Json waiters = Json::array();
      for (const Party& waiter : it.obstacle.waiters)
        waiters.push_back({{"pid", waiter.pid == 0 ? Json() : Json(waiter.pid)},
                           {"program", waiter.pid == 0 ? Json() : Json(waiter.program)},
                           {"tid", waiter.tid}});
      Json task = party_json(it.obstacle.holder, it.obstacle.look.state);
      task["object"] = object_json(it.object);
      task["waiters"] = std::move(waiters);
      task["seconds"] = it.seconds;
      task["result"] = dry_run_ ? Json() : Json(result_word(it.result));
      task["freed"] = it.freed;
      json["tasks"].push_back(std::move(task));
    }
    return json;
  }

  double stopped_for_ = 0;
  bool dry_run_ = false, yes_ = false;
  std::vector<std::string> words_;
};

}  // namespace

std::unique_ptr<Command> make_evict() { return std::make_unique<Evict>(); }

}  // namespace portolan::cli
