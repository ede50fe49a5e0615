// SPDX-License-Identifier: Apache-2.0
// launchctl's verbs (bootstrap 11): a table of names and functions, in files by what they are about. Exit
// statuses, order and layout are Darwin's; what is said of mistakes has our form.
#pragma once

#include <string>
#include <vector>

#include "cli/command.hpp"
#include "cli/json.hpp"
#include "launchd/ask.hpp"
#include "segment/domain.hpp"

namespace portolan::cli {

using Words = std::vector<std::string>;

// A run of launchctl: the domain, and the way to its launchd.
class Ctl {
 public:
  explicit Ctl(const Globals& globals);

  bool json() const { return json_; }
  void json(bool yes) { json_ = yes; }
  const std::string& domain() const { return domain_; }
  const std::string& directory() const { return directory_; }
  const DomainPlace& place() const { return place_; }

  // The answer to a request, whatever it is. launchd is started if there is none. `repeatable`: once more, if
  // launchd went meanwhile. Throws Failure: there is no launchd to be had.
  launchd::Value ask(const launchd::Value& request, bool repeatable);
  // The same; throws Failure (1) for an error.
  launchd::Value demand(const launchd::Value& request, bool repeatable = true);

  // A document to be filled.
  Json json_document() const;

 private:
  void connect();
  std::string domain_, directory_;
  DomainPlace place_;
  launchd::Connection connection_;
  bool json_ = false;
};

struct Verb {
  const char* name;
  const char* usage;    // what follows the name
  const char* summary;  // half a line
  int (*run)(Ctl& ctl, const Words& words);
};
// Each file has its own.
std::vector<Verb> load_verbs();     // launchctl_load.cpp
std::vector<Verb> job_verbs();      // launchctl_jobs.cpp
std::vector<Verb> name_verbs();     // launchctl_names.cpp
std::vector<Verb> manager_verbs();  // launchctl_manager.cpp

[[noreturn]] void wrong_use(const char* verb);  // throws Failure (1) with its usage
// Options that begin with a dash and have one letter, before the other words: those in `flags` have no value,
// those in `valued` one.
struct Letters {
  std::string flags;  // as they came
  std::vector<std::pair<char, std::string>> values;
  Words rest;
  bool has(char letter) const { return flags.find(letter) != std::string::npos; }
  const std::string* value(char letter) const;
};
Letters letters(const char* verb, const Words& words, const std::string& flags, const std::string& valued);
launchd::Value request(const char* verb);

// The program beside this one, or where it was installed. Throws Failure.
std::string launchd_program();
// Starts it, apart from us; returns at once.
void start_launchd(const std::string& directory);

}  // namespace portolan::cli
