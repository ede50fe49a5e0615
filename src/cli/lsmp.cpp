// SPDX-License-Identifier: Apache-2.0
// portolan lsmp: the rights of a task, of some, or of all.
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <nlohmann/json.hpp>
#include <set>

#include "cli/command.hpp"
#include "cli/lsmp.hpp"
#include "cli/repeat.hpp"
#include "cli/source.hpp"
#include "cli/terminal.hpp"
#include "inspect/words.hpp"

namespace portolan::cli {

using namespace inspect;

namespace {

class Lsmp : public Command {
 public:
  const char* name() const override { return "lsmp"; }
  const char* summary() const override { return "every name of a task, and who is at the other end"; }
  const char* question() const override { return "Who holds what"; }

  void options(Options& options) override {
    options.add("-p PID", &pid_, "the task with this pid");
    options.add("-a", &all_, "all tasks");
    options.add("-l", &long_, "as -v");
    options.add("-j FILE", &path_, "write JSON to this file as well");
    options.add("--right SET", &rights_, "only these: send, recv, send-once, set, dead");
    options.add("--sort KEY", &style_.sort, "name, port, urefs, queue or rights")
        .one_of({"name", "port", "urefs", "queue", "rights"});
    options.add("-n COUNT", &style_.most, "at most so many rows");
    options.add("--fold", &style_.fold, "rows alike become one");
    options.add("--sites", &style_.sites, "where each name was acquired");
    options.add("--classic", &classic_, "Darwin's columns, and Darwin's JSON for -j");
    options.add("task", &tasks_, "tasks: pid, program name or quoted glob");
  }

  int run(const Globals& globals, const std::vector<std::string>&) override {
    style_.verbose = globals.verbose || long_;
    style_.width = width_of(STDOUT_FILENO, globals.wide);
    style_.colours = colours_on(STDOUT_FILENO);
    if (!rights_.empty() && (style_.rights = parse_rights(rights_)) == 0)
      throw Failure{kUsage, "--right: no such right in " + rights_, "--right send,recv,send-once,set,dead"};
    if (!pid_.empty()) tasks_.push_back(pid_);
    const Source source(globals);
    return repeat(globals, [&](bool paged) { return once(globals, source, paged); });
  }

 private:
  int once(const Globals& globals, const Source& source, bool paged) {
    const Snapshot snapshot = source.snapshot();
    const Ends ends(snapshot);
    Symbols symbols;
    Stacks stacks(snapshot, symbols);
    std::vector<const TaskInfo*> chosen;
    std::set<const TaskInfo*> seen;
    if (all_ || tasks_.empty())
      for (const TaskInfo& task : snapshot.tasks)
        if (!task.dead) chosen.push_back(&task);
    for (const std::string& word : tasks_)
      for (const TaskInfo* task : select_tasks(snapshot, word, "lsmp"))
        if (seen.insert(task).second) chosen.push_back(task);

    const bool threads = !pid_.empty() || chosen.size() == 1 || style_.verbose;
    Json document_json = document("lsmp", source.name(), snapshot.boot);
    Json classic = {{"version", "1.0"}, {"processes", Json::array()}};
    std::string text;
    document_json["tasks"] = Json::array();
    const bool want_json = globals.json || !path_.empty();
    for (const TaskInfo* task : chosen) {
      if (want_json && classic_) classic["processes"].push_back(classic_json(snapshot, ends, *task, threads));
      if (want_json && !classic_)
        document_json["tasks"].push_back(lsmp_json(snapshot, ends, *task, &stacks, style_.rights));
      if (classic_)
        text += classic_text(snapshot, ends, *task, threads) + (all_ ? "\n\n" : "");
      else if (!globals.json)
        text += (text.empty() ? "" : "\n") + lsmp_text(snapshot, ends, *task, &stacks, style_);
    }
    if (!path_.empty()) write_json(classic_ ? classic.dump() : dump(document_json));
    if (globals.json)
      show(classic_ ? classic.dump() : dump(document_json, globals.watch.has_value()), false);
    else
      show(text, paged);
    return kFine;
  }

  void write_json(const std::string& text) const {
    std::ofstream file(path_, std::ios::binary | std::ios::trunc);
    file << text;
    file.close();
    if (!file) throw Failure{kNotPermitted, "cannot write " + path_ + ": " + std::strerror(errno), ""};
  }

  std::string pid_, path_, rights_;
  bool all_ = false, long_ = false, classic_ = false;
  std::vector<std::string> tasks_;
  LsmpStyle style_;
};

}  // namespace

std::unique_ptr<Command> make_lsmp() { return std::make_unique<Lsmp>(); }

}  // namespace portolan::cli
