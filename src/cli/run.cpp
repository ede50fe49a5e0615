// SPDX-License-Identifier: Apache-2.0
// portolan run: starts a program in a domain and returns its status. Silent unless the program is killed.
#include <cmath>

#include "cli/command.hpp"
#include "cli/darwin_poll.hpp"
#include "cli/launch.hpp"
#include "cli/source.hpp"
#include "cli/terminal.hpp"
#include "inspect/symbols.hpp"

namespace portolan::cli {

namespace {

// A part of a second counts as a whole one: only none at all is none.
std::string whole_seconds(double seconds) {
  return std::to_string(static_cast<uint64_t>(std::ceil(seconds)));
}

class Run : public Command {
 public:
  const char* name() const override { return "run"; }
  const char* summary() const override { return "start a program in a domain"; }
  const char* question() const override { return "Start"; }
  bool takes_program() const override { return true; }

  void options(Options& options) override {
    options.add("--fresh", &fresh_, "in a new domain of its own, removed at the end");
    options.add("--sites", &sites_, "record the stack that acquires each right");
    options.add("--guard KIND", &guard_, "the memory guard: auto, mprotect or off")
        .one_of({"auto", "mprotect", "off"});
    options
        .add("--evict-stopped SECONDS", &evict_stopped_,
             "let launchd kill tasks that are stopped in the kernel and let others wait for so long; 0: none")
        .between(0, 1e9);
    options
        .add("--darwin-poll KIND", &darwin_poll_,
             "with Darwin's poll and select: that of macOS 10.15 and later, or =old, of those before")
        .one_of({"new", "old"})
        .with_optional_value("new");
  }

  int run(const Globals& globals, const std::vector<std::string>& program) override {
    if (program.empty())
      throw Failure{kUsage, "no program given", "portolan run [OPTION] PROGRAM [ARGUMENT...]"};
    if (fresh_ && globals.domain) throw Failure{kUsage, "--fresh and -d exclude each other", ""};
    Environment settings;
    if (sites_) settings.emplace_back("PORTOLAN_SITES", "1");
    if (!guard_.empty()) settings.emplace_back("PORTOLAN_GUARD", guard_);
    if (evict_stopped_) settings.emplace_back("PORTOLAN_EVICT_STOPPED", whole_seconds(*evict_stopped_));
    if (!darwin_poll_.empty()) add_darwin_poll(settings, program, darwin_poll_ == "old");
    std::optional<PrivateDomain> own;
    if (fresh_) {
      own.emplace("run");
      settings.emplace_back("PORTOLAN_DOMAIN", own->path());
    } else {
      DomainPlace place;
      DomainError error;
      if (!domain_place(domain_name(globals).c_str(), place, error)) {
        Failure failure = failure_of(error);
        if (failure.code != kUsage) failure.code = kCannotStart;
        throw failure;
      }
      settings.emplace_back("PORTOLAN_DOMAIN", domain_name(globals));
    }
    Child child(program, settings);
    const Ending ending = child.wait();
    if (ending.signalled && !globals.quiet)
      say("portolan run: " + inspect::base_name(program[0]) + " (" + std::to_string(child.pid()) + ") " +
          ending.text() + "\n");
    return ending.status();
  }

 private:
  bool fresh_ = false, sites_ = false;
  std::string guard_, darwin_poll_;
  std::optional<double> evict_stopped_;
};

}  // namespace

std::unique_ptr<Command> make_run() { return std::make_unique<Run>(); }

}  // namespace portolan::cli
