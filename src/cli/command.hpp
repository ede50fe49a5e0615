// SPDX-License-Identifier: Apache-2.0
// What every command is: a name, its options, and what it does. main.cpp parses, calls, and says what went
// wrong.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "cli/options.hpp"

namespace portolan::cli {

enum Exit : int {
  kFine = 0,
  kFound = 1,   // something to complain of; a verb that failed
  kUsage = 2,   // or an unreadable file format
  kAbsent = 3,  // no such domain, task, port, service, mark
  kNotPermitted = 4,
  kRefused = 5,  // by the system: layout version, memory, a missing feature
  kLeak = 23,
  kDefect = 70,
  kCannotStart = 125,    // run, check: we failed
  kCannotExecute = 126,  // the program cannot be executed
  kNoProgram = 127,      // it is not there
};

// A command's end without a result: who says it is added by main.
struct Failure {
  int code = kFound;
  std::string what;
  std::string remedy;  // to paste; may be empty
};

struct Globals {
  std::optional<std::string> domain;  // -d; else PORTOLAN_DOMAIN, else default
  std::optional<std::string> input;   // -i: a copied segment instead
  bool json = false;
  bool wide = false, quiet = false, verbose = false;
  std::optional<double> watch;  // seconds
};

class Command {
 public:
  virtual ~Command() = default;
  virtual const char* name() const = 0;
  virtual const char* object() const { return nullptr; }  // a word that has to follow the name
  virtual const char* page() const { return name(); }     // its manual: portolan-<page>
  virtual const char* summary() const = 0;                // half a line for `portolan` and `portolan help`
  virtual const char* question() const = 0;               // the group that it answers
  virtual void options(Options&) {}
  // `program`: what follows the options of run, check and launchctl.
  virtual int run(const Globals& globals, const std::vector<std::string>& program) = 0;
  virtual bool takes_program() const { return false; }
  virtual const char* program_words() const { return "[--] PROGRAM [ARGUMENT...]"; }  // for people
  virtual std::string more_help() const { return {}; }                                // after the options
};

std::unique_ptr<Command> make_run();
std::unique_ptr<Command> make_check();
std::unique_ptr<Command> make_lsmp();
std::unique_ptr<Command> make_trace();
std::unique_ptr<Command> make_ps();
std::unique_ptr<Command> make_info();
std::unique_ptr<Command> make_fsck();
std::unique_ptr<Command> make_evict();
std::unique_ptr<Command> make_doctor();
std::unique_ptr<Command> make_launchctl();
std::unique_ptr<Command> make_launchd();
std::unique_ptr<Command> make_install_unit();

// The command's page, or a topic's text; a screen of commands for an empty word.
int help(const std::string& word, const std::vector<std::unique_ptr<Command>>& commands);
std::string overview(const std::vector<std::unique_ptr<Command>>& commands);

// The known word that `word` was probably meant to be; empty: none is near.
std::string nearest(const std::string& word, const std::vector<std::string>& known);

}  // namespace portolan::cli
