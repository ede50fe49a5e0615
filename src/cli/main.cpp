// SPDX-License-Identifier: Apache-2.0
// The `portolan` command: finds the command word, parses its options, runs it, and says what went wrong in
// one form: who, what, and a remedy to paste.
#include <portolan_config.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <exception>

#include "cli/command.hpp"
#include "cli/terminal.hpp"
#include "inspect/symbols.hpp"

namespace portolan::cli {
namespace {

using Commands = std::vector<std::unique_ptr<Command>>;

Commands all_commands() {
  Commands commands;
  commands.push_back(make_run());
  commands.push_back(make_launchctl());
  commands.push_back(make_launchd());
  commands.push_back(make_install_unit());
  commands.push_back(make_check());
  commands.push_back(make_ps());
  commands.push_back(make_lsmp());
  commands.push_back(make_trace());
  commands.push_back(make_info());
  commands.push_back(make_fsck());
  commands.push_back(make_evict());
  commands.push_back(make_doctor());
  return commands;
}

// The options that go with every command.
struct Parsed {
  Globals globals;
  int json = 0;
  double watch = 0;
  bool help = false, version = false;

  void add_to(Options& options) {
    options.add("-d,--domain DOMAIN", &globals.domain,
                "the domain: a name, or a directory if it has a slash");
    options.add("-i,--input FILE", &globals.input, "read this copied segment instead");
    options.add("--json", &json, "one JSON document").with_optional_value();
    options.add("--watch", &watch, "again and again, every so many seconds").with_optional_value();
    options.add("-w,--wide", &globals.wide, "cut nothing");
    options.add("-q,--quiet", &globals.quiet, "say only what matters");
    options.add("-v,--verbose", &globals.verbose, "say more");
    options.add("-h,--help", &help, "the manual page");
    options.add("--version", &version, "the version");
  }
  void finish() {
    if (json > 1)
      throw Failure{kUsage, "--json=" + std::to_string(json) + ": there is only schema 1", "--json"};
    globals.json = json != 0;
    if (watch < 0) throw Failure{kUsage, "--watch: a number of seconds", "--watch=1"};
    if (watch > 0) globals.watch = watch;
  }
};

size_t distance(const std::string& a, const std::string& b) {
  std::vector<size_t> row(b.size() + 1);
  for (size_t j = 0; j <= b.size(); j++) row[j] = j;
  for (size_t i = 1; i <= a.size(); i++) {
    size_t corner = row[0];
    row[0] = i;
    for (size_t j = 1; j <= b.size(); j++) {
      const size_t above = row[j];
      row[j] = std::min({above + 1, row[j - 1] + 1, corner + (a[i - 1] == b[j - 1] ? 0 : 1)});
      corner = above;
    }
  }
  return row[b.size()];
}

[[noreturn]] void unknown_command(const std::string& word, const Commands& commands) {
  std::vector<std::string> names{"help"};
  for (const auto& command : commands) names.push_back(command->name());
  const std::string near = nearest(word, names);
  throw Failure{kUsage, "there is no command " + word, near.empty() ? "portolan help" : "portolan " + near};
}

// `portolan doctor poll`: the second word belongs to the first.
void take_object(std::vector<std::string>& words, const Command& command, std::string& who) {
  const bool asks_for_help = !words.empty() && (words[0] == "-h" || words[0] == "--help");
  if (asks_for_help) return;
  if (words.empty() || words[0] != command.object())
    throw Failure{kUsage, words.empty() ? "what for?" : "nothing is known of " + words[0],
                  who + " " + command.object()};
  words.erase(words.begin());
  who += std::string(" ") + command.object();
}

int dispatch(std::vector<std::string> words, std::string& who, const std::string& own_name) {
  const Commands commands = all_commands();
  if (own_name == "lsmp") words.insert(words.begin(), {"lsmp", "--classic"});
  if (own_name == "launchctl") words.insert(words.begin(), "launchctl");
  std::vector<std::string> before;
  {
    Parsed leading;
    Options options;
    leading.add_to(options);
    const size_t count = options.count(words);
    before.assign(words.begin(), words.begin() + static_cast<std::ptrdiff_t>(count));
    words.erase(words.begin(), words.begin() + static_cast<std::ptrdiff_t>(count));
    if (words.empty()) {
      options.parse(before);
      if (leading.version) {
        show("portolan " PORTOLAN_VERSION "\n");
        return kFine;
      }
      show(overview(commands));
      return leading.help || before.empty() ? kFine : kUsage;
    }
  }
  const std::string word = words[0];
  words.erase(words.begin());
  if (word == "help") {
    who = "portolan help";
    return help(words.empty() ? "" : words[0], commands);
  }
  const auto found = std::find_if(commands.begin(), commands.end(),
                                  [&](const auto& command) { return word == command->name(); });
  if (found == commands.end()) unknown_command(word, commands);
  Command& command = **found;
  who = "portolan " + word;

  Parsed parsed;
  Options options;
  parsed.add_to(options);
  command.options(options);
  if (command.object() != nullptr) take_object(words, command, who);
  std::vector<std::string> program;
  if (command.takes_program()) {
    const size_t count = options.count(words);
    program.assign(words.begin() + static_cast<std::ptrdiff_t>(count), words.end());
    words.resize(count);
    if (!words.empty() && words.back() == "--") words.pop_back();
  }
  words.insert(words.begin(), before.begin(), before.end());
  options.parse(words);
  if (parsed.help) return help(word, commands);
  parsed.finish();
  return command.run(parsed.globals, program);
}

int start(int count, char** arguments) {
  // Debugging information comes from this system's files: never from the network.
  unsetenv("DEBUGINFOD_URLS");
  std::string who = "portolan";
  try {
    return dispatch({arguments + 1, arguments + count}, who,
                    inspect::base_name(count > 0 ? arguments[0] : ""));
  } catch (const Failure& failure) {
    say(who + ": " + failure.what + "\n" +
        (failure.remedy.empty() ? "" : "  remedy: " + failure.remedy + "\n"));
    return failure.code;
  } catch (const std::exception& error) {
    say(who + ": a defect of portolan: " + error.what() + "\n");
    return kDefect;
  }
}

}  // namespace

std::string nearest(const std::string& word, const std::vector<std::string>& known) {
  std::string best;
  size_t least = word.size() < 4 ? 2 : 3;
  for (const std::string& candidate : known)
    if (const size_t apart = distance(word, candidate); apart < least) {
      least = apart;
      best = candidate;
    }
  return best;
}

}  // namespace portolan::cli

int main(int argc, char** argv) { return portolan::cli::start(argc, argv); }
