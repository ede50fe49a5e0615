// SPDX-License-Identifier: Apache-2.0
// portolan fsck: are the kernel's invariants whole? Read-only, but for --recover.
#include <unistd.h>

#include <map>
#include <nlohmann/json.hpp>

#include "cli/command.hpp"
#include "cli/json.hpp"
#include "cli/launch.hpp"
#include "cli/options.hpp"
#include "cli/recover.hpp"
#include "cli/soundness.hpp"
#include "cli/source.hpp"
#include "cli/terminal.hpp"
#include "inspect/words.hpp"

namespace portolan::cli {

using namespace inspect;

namespace {

class Fsck : public Command {
 public:
  const char* name() const override { return "fsck"; }
  const char* summary() const override { return "check every invariant of the kernel"; }
  const char* question() const override { return "Is it sound"; }

  void options(Options& options) override {
    options.add("--recover", &recover_, "first do what launchd would do: recover the dead, end their tasks");
  }

  int run(const Globals& globals, const std::vector<std::string>&) override {
    Recovered recovered;
    if (recover_) {
      const Source source(globals);
      recovered = recover(source);
      if (recovered.removed) {
        tell_removed(globals, source);
        return kFine;
      }
      if (!globals.json && !globals.quiet)
        show(plural(recovered.threads, "dead thread") + " recovered, " + plural(recovered.tasks, "task") +
             " ended whose process was gone\n");
    }
    const Source source(globals);
    const double start = seconds_now();
    const Soundness sound = check_soundness(source.file(), !source.live());
    const double elapsed = (seconds_now() - start) * 1000;
    const Snapshot snapshot = source.snapshot();
    uint64_t names = 0, tasks = 0;
    std::map<std::string, uint64_t> guards;
    for (const TaskInfo& task : snapshot.tasks) {
      names += task.names.size();
      if (task.dead) continue;
      tasks++;
      guards[guard_word(task.guard)]++;
    }
    if (globals.json) {
      Json json = document("fsck", source.name(), snapshot.boot);
      json["invariants"] = sound.invariants;
      json["tasks"] = tasks;
      json["names"] = names;
      json["ports"] = snapshot.ports_live;
      json["broken"] = sound.broken;
      json["untold"] = sound.untold;
      json["looks"] = sound.looks;
      json["quarantined"] = snapshot.quarantined;
      json["guards"] = guards;
      if (recover_) json["recovered"] = {{"threads", recovered.threads}, {"tasks", recovered.tasks}};
      json["milliseconds"] = elapsed;
      show(dump(json), false);
    } else {
      std::string text;
      for (const std::string& line : sound.broken)
        text += inked(line, Ink::guilty, colours_on(STDOUT_FILENO)) + "\n";
      if (sound.untold != 0) text += "... and " + grouped(sound.untold) + " more\n";
      if (snapshot.lost) text += "the domain is lost: every call in it fails\n";
      if (snapshot.quarantined != 0)
        text +=
            "note: recovery met " + plural(snapshot.quarantined, "value") + " that it could not believe\n";
      if (globals.verbose)
        for (const auto& [guard, count] : guards)
          text += "note: memory guard " + guard + " in " + plural(count, "task") + "\n";
      text += plural(sound.invariants, "invariant") + ", " + plural(tasks, "task") + ", " +
              plural(names, "name") + ", " + plural(snapshot.ports_live, "port") + ": " +
              (sound.broken.empty() ? std::string("clean")
                                    : grouped(sound.broken.size() + sound.untold) + " broken") +
              "        " + grouped(static_cast<uint64_t>(elapsed + 0.5)) + " ms\n";
      if (!globals.quiet || !sound.broken.empty()) show(text);
    }
    return sound.broken.empty() && !snapshot.lost ? kFine : kFound;
  }

 private:
  static void tell_removed(const Globals& globals, const Source& source) {
    if (globals.json) {
      Json json = document("fsck", source.name(), "");
      json["removed"] = true;
      show(dump(json), false);
    } else if (!globals.quiet) {
      show("removed: it was lost, and nobody used it\n");
    }
  }

  bool recover_ = false;
};

}  // namespace

std::unique_ptr<Command> make_fsck() { return std::make_unique<Fsck>(); }

}  // namespace portolan::cli
