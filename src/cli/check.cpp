// SPDX-License-Identifier: Apache-2.0
// portolan check: runs a program in a private domain whose launchd keeps a corpse of every dead task, and
// finds the leaks in the corpses. Standard output stays the program's; the report goes to standard error.
#include "cli/check.hpp"

#include <errno.h>
#include <signal.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

#include "cli/command.hpp"
#include "cli/soundness.hpp"
#include "cli/source.hpp"
#include "cli/terminal.hpp"
#include "inspect/words.hpp"
#include "ipc/objects.hpp"

namespace portolan::cli {

using namespace inspect;

namespace {

namespace fs = std::filesystem;

// How long the tasks that a program leaves behind may take to end, and then launchd to write their corpses.
constexpr double kPatience = 5.0;

std::string read_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  text << file.rdbuf();
  if (!file)
    throw Failure{errno == ENOENT ? kAbsent : kNotPermitted,
                  "cannot read " + path + ": " + std::strerror(errno), ""};
  return text.str();
}

std::vector<std::string> split(const std::string& list) {
  std::vector<std::string> words;
  std::istringstream parts(list);
  for (std::string word; std::getline(parts, word, ',');)
    if (!word.empty()) words.push_back(word);
  return words;
}

// The domain of the program under check, seen from outside while it lives.
class Watched {
 public:
  explicit Watched(const std::string& path) : path_(path) {
    DomainError error;
    domain_place(path.c_str(), place_, error);
  }
  ~Watched() {
    if (open_) domain_unmap(view_);
  }
  Watched(const Watched&) = delete;
  Watched& operator=(const Watched&) = delete;

  // The segment appears when the program joins.
  bool look() {
    DomainError error;
    if (!open_ && domain_open_readonly(place_, view_, error)) open_ = true;
    return open_;
  }
  bool seen() const { return open_; }
  const Segment& view() const { return view_; }

  struct Census {
    unsigned living = 0, unburied = 0;
  };
  // Tasks whose processes live, and dead ones that launchd has not come to.
  Census census() const {
    Census census;
    const ZoneState& zone = view_.zone(ipc::kZoneTask);
    for (uint32_t i = 1; i < std::min(zone.carved.get(), zone.capacity); i++) {
      const ipc::Task& task = view_.at(Handle<ipc::Task>{i});
      if (!task.allocated()) continue;
      const uint32_t state = task.state;
      if (state == ipc::kTaskLive && kill(static_cast<pid_t>(task.credentials.pid.get()), 0) == 0)
        census.living++;
      else if (state == ipc::kTaskLive || state == ipc::kTaskDying)
        census.unburied++;
    }
    return census;
  }

  std::vector<std::string> corpses() const {
    std::vector<std::string> files;
    std::error_code none;
    for (const auto& entry : fs::directory_iterator(path_, none)) {
      const std::string name = entry.path().filename().string();
      if (name.rfind(kCorpsePrefix, 0) == 0 && name.size() > 5 &&
          name.substr(name.size() - 5) == kCorpseSuffix)
        files.push_back(entry.path().string());
    }
    std::sort(files.begin(), files.end());
    return files;
  }

 private:
  std::string path_;
  DomainPlace place_;
  Segment view_;
  bool open_ = false;
};

class Check : public Command {
 public:
  const char* name() const override { return "check"; }
  const char* summary() const override { return "run a program and report the port rights it leaks"; }
  const char* question() const override { return "Find leaks"; }
  bool takes_program() const override { return true; }

  void options(Options& options) override {
    options.add("--pile N", &leak_.pile, "a stack that still holds so many references is a leak (10)")
        .more_than(0);
    options.add("--grace SECONDS", &leak_.grace, "seconds for which a dead name may be kept (1)").at_least(0);
    options.add("--kinds SET", &kinds_,
                "which kinds count: piled, dead, unanswered; all: show what is merely held, too");
    options.add("--ignore-fn GLOB", &ignored_, "glob of functions that are never to blame; may be repeated");
    options.add("--suppressions FILE", &suppression_files_,
                "file of leaks that are accepted; may be repeated");
    options.add("--gen-suppressions", &generate_, "print a suppression for each leak");
    options.add("--stacks N|all", &stacks_, "stacks shown of each leak, or all (1)");
    options.add("--report KIND", &reports_, "text, json:FILE or junit:FILE; may be repeated");
    options.add("--error-exitcode N", &error_exit_, "exit status for leaks (23)").between(0, 255);
  }

  int run(const Globals& globals, const std::vector<std::string>& program) override {
    if (program.empty())
      throw Failure{kUsage, "no program given", "portolan check [OPTION] PROGRAM [ARGUMENT...]"};
    if (globals.domain) throw Failure{kUsage, "check makes a domain of its own: -d has no place here", ""};
    parse();
    CheckResult result;
    result.program = program;
    load_suppressions(result);

    PrivateDomain domain("check");
    result.domain = domain.path();
    Watched watched(domain.path());
    Child child(program, {{"PORTOLAN_DOMAIN", domain.path()},
                          {"PORTOLAN_DOMAIN_FLAGS", std::to_string(kDomainSites | kDomainCorpse)},
                          {"PORTOLAN_SITES", "1"}});
    result.pid = static_cast<uint32_t>(child.pid());
    result.ending = child.wait([&] { watched.look(); });
    settle(watched, result);
    collect(watched, result);
    if (watched.seen()) check_domain(domain.path(), watched, result);
    analyse(result, watched.seen());
    decide(result, watched.seen());
    report(globals, result);
    return result.exit;
  }

 private:
  void parse() {
    for (const std::string& word : split(kinds_)) {
      if (word == "all") {
        wanted_ = {Kind::piled, Kind::dead, Kind::unanswered, Kind::held};
        continue;
      }
      const std::optional<Kind> kind = parse_kind(word);
      if (!kind)
        throw Failure{kUsage, "--kinds: there is no kind " + word,
                      "--kinds piled,dead,unanswered, or --kinds all"};
      wanted_.insert(*kind);
    }
    if (wanted_.empty()) wanted_ = {Kind::piled, Kind::dead, Kind::unanswered};
    if (stacks_ == "all") {
      shown_stacks_ = SIZE_MAX;
    } else {
      if (stacks_.empty() || stacks_.size() > 6 ||
          stacks_.find_first_not_of("0123456789") != std::string::npos)
        throw Failure{kUsage, "--stacks: a number or all, not " + stacks_, ""};
      shown_stacks_ = std::stoul(stacks_);
    }
    for (const std::string& kind : reports_) {
      if (kind == "text" || (kind.rfind("json:", 0) == 0 && kind.size() > 5) ||
          (kind.rfind("junit:", 0) == 0 && kind.size() > 6))
        continue;
      throw Failure{kUsage, "--report: text, json:FILE or junit:FILE, not " + kind, ""};
    }
  }

  void load_suppressions(CheckResult& result) const {
    for (const std::string& file : suppression_files_) {
      SuppressionError error;
      if (!parse_suppressions(read_file(file), file, result.suppressions, error))
        throw Failure{kUsage, file + ":" + std::to_string(error.line) + ": " + error.problem,
                      "man 5 portolan-suppressions"};
    }
  }

  // Waits until every task has ended and is buried, but not for ever.
  void settle(Watched& watched, CheckResult& result) const {
    if (!watched.look() && watched.corpses().empty()) return;
    const double start = seconds_now();
    double all_dead = 0;
    while (watched.seen()) {
      const Watched::Census census = watched.census();
      if (census.living + census.unburied == 0) return;
      const double now = seconds_now();
      if (census.living != 0) all_dead = 0;
      if (census.living == 0 && all_dead == 0) all_dead = now;
      if (census.living != 0 && now - start > kPatience) {
        result.notes.push_back(plural(census.living, "task goes on after its program's end, and is",
                                      "tasks go on after their program's end, and are") +
                               " shown as now");
        return;
      }
      if (all_dead != 0 && now - all_dead > kPatience) {
        result.notes.push_back("launchd left " + plural(census.unburied, "dead task") + " unburied");
        return;
      }
      const timespec pause{0, 10'000'000};
      nanosleep(&pause, nullptr);
    }
  }

  static void collect(Watched& watched, CheckResult& result) {
    std::set<uint32_t> buried;
    for (const std::string& file : watched.corpses()) {
      std::string problem;
      std::optional<Corpse> corpse = read_corpse(read_file(file), problem);
      if (!corpse) {
        result.notes.push_back(base_name(file) + " cannot be read: " + problem);
        continue;
      }
      buried.insert(corpse->dead()->pid);
      result.tasks.push_back({std::move(*corpse), false, 0});
    }
    if (watched.seen()) {
      const Snapshot all = inspect::snapshot(watched.view());
      for (const TaskInfo& task : all.tasks) {
        if (task.dead) continue;
        Wanted wanted;
        wanted.only_task = task.index;
        const bool running = kill(static_cast<pid_t>(task.pid), 0) == 0;
        if (!running && buried.contains(task.pid)) continue;
        result.tasks.push_back({{task.index, inspect::snapshot(watched.view(), wanted)}, running, 0});
      }
    }
    std::erase_if(result.tasks, [](const Checked& task) { return task.corpse.dead() == nullptr; });
    std::stable_sort(result.tasks.begin(), result.tasks.end(), [&](const Checked& a, const Checked& b) {
      return (a.corpse.dead()->pid == result.pid) > (b.corpse.dead()->pid == result.pid);
    });
  }

  static void check_domain(const std::string& path, const Watched& watched, CheckResult& result) {
    try {
      const Watched::Census census = watched.census();
      std::string file;
      std::error_code none;
      for (const auto& entry : fs::directory_iterator(path, none))
        if (entry.path().filename().string().rfind("segment.v", 0) == 0) file = entry.path().string();
      const Soundness sound = file.empty() ? check_soundness(watched.view())
                                           : check_soundness(file, census.living + census.unburied == 0);
      result.broken = sound.broken;
      result.fsck_ran = true;
    } catch (const Failure& failure) {
      result.notes.push_back("fsck: " + failure.what);
    }
  }

  void analyse(CheckResult& result, bool joined) {
    for (Checked& task : result.tasks) {
      stacks_of_.push_back(std::make_unique<Stacks>(task.corpse.snapshot, symbols_, ignored_));
      const TaskInfo& dead = *task.corpse.dead();
      for (Finding& finding :
           find_leaks(task.corpse.snapshot, dead, *stacks_of_.back(), leak_, result.suppressions)) {
        if (finding.kind == Kind::held) task.held += finding.names;
        if (!finding.suppressed_by.empty())
          result.suppressed.push_back(std::move(finding));
        else if (finding.kind == Kind::held)
          result.held.push_back(std::move(finding));
        else if (wanted_.contains(finding.kind))
          result.leaks.push_back(std::move(finding));
      }
      result.held_names += task.held;
      for (const NameInfo& name : dead.names)
        for (const Acquired& record : name.acquired)
          if (record.site == 0) result.lost_stacks += record.count;
    }
    auto worse = [](const Finding& a, const Finding& b) { return a.references > b.references; };
    std::stable_sort(result.leaks.begin(), result.leaks.end(), worse);
    std::stable_sort(result.held.begin(), result.held.end(), worse);
    if (!wanted_.contains(Kind::held)) result.held.clear();
    add_notes(result, joined);
  }

  void add_notes(CheckResult& result, bool joined) const {
    if (result.tasks.empty()) {
      const std::string program = base_name(result.program[0]);
      result.notes.push_back(
          joined ? "nothing is known of " + program + ": the domain's launchd left no corpse"
                 : program + " never joined a domain: is it linked with libportolan, and dynamically?");
    }
    for (const Finding& finding : result.leaks) {
      const auto* guilty = finding.guilty();
      if (guilty == nullptr || !guilty->file.empty() || guilty->module.empty()) continue;
      const std::vector<std::string> changed = symbols_.changed();
      const bool replaced = std::find(changed.begin(), changed.end(), guilty->module) != changed.end();
      const std::string note = replaced ? guilty->module + " has changed since it ran: no names, no lines"
                                        : "no line numbers for " + guilty->module + ": build with -g";
      if (std::find(result.notes.begin(), result.notes.end(), note) == result.notes.end())
        result.notes.push_back(note);
    }
  }

  // The program's own failure outranks leaks.
  void decide(CheckResult& result, bool joined) const {
    result.exit = result.ending.status();
    if (result.exit == 0 && !result.leaks.empty()) result.exit = error_exit_;
    if (result.exit == 0 && !result.broken.empty()) result.exit = kDefect;
    if (result.exit == 0 && joined && result.tasks.empty()) result.exit = kCannotStart;
  }

  static void write_file(const std::string& path, const std::string& text) {
    std::ofstream file(path, std::ios::binary | std::ios::trunc);
    file << text;
    file.close();
    if (!file) say("portolan check: cannot write " + path + ": " + std::strerror(errno) + "\n");
  }

  void report(const Globals& globals, CheckResult& result) {
    ReportStyle style;
    style.stacks = shown_stacks_;
    style.width = width_of(STDERR_FILENO, globals.wide);
    style.colours = colours_on(STDERR_FILENO);
    style.quiet = globals.quiet;
    style.verbose = globals.verbose;
    bool text = reports_.empty();
    for (const std::string& kind : reports_) {
      text = text || kind == "text";
      if (kind.rfind("json:", 0) == 0) write_file(kind.substr(5), dump(check_json(result)));
      if (kind.rfind("junit:", 0) == 0) write_file(kind.substr(6), check_junit(result));
    }
    if (globals.json)
      say(dump(check_json(result)));
    else if (text)
      say(check_text(result, style));
    else
      say(check_text(result, style).substr(check_text(result, style).rfind("SUMMARY:")));
    if (!generate_) return;
    for (const Finding& finding : result.leaks) {
      Suspect suspect;
      suspect.kind = kind_word(finding.kind);
      suspect.task = finding.program;
      suspect.kobject = finding.kobject;
      suspect.stack = finding.top();
      say("\n" + suppression_text(suspect));
    }
  }

  LeakOptions leak_;
  std::string kinds_, stacks_ = "1";
  std::vector<std::string> ignored_, suppression_files_, reports_;
  bool generate_ = false;
  int error_exit_ = kLeak;
  std::set<Kind> wanted_;
  size_t shown_stacks_ = 1;
  Symbols symbols_;
  std::vector<std::unique_ptr<Stacks>> stacks_of_;
};

}  // namespace

std::unique_ptr<Command> make_check() { return std::make_unique<Check>(); }

}  // namespace portolan::cli
