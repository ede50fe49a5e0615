// SPDX-License-Identifier: Apache-2.0
// Jobs for checks and tests: property lists in a directory of their own, launchctl as a user calls it, and
// what the jobs leave behind. Nothing here makes a trap.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "process/user_harness.hpp"

namespace jobs {

struct Ran {
  int status = -1;
  std::string out, err;
};

// What `portolan launchctl list` says of a job.
struct Line {
  std::string pid, status;  // "-" where there is none
  bool there = false;
};

class Bench {
 public:
  // In the domain `domain`, a directory.
  explicit Bench(std::string domain);
  // Kills what still runs of its jobs, and removes them all.
  ~Bench();
  Bench(const Bench&) = delete;
  Bench& operator=(const Bench&) = delete;

  const std::string& directory() const { return directory_; }
  std::string path(const std::string& name) const { return directory_ + "/" + name; }

  // A file of this name, mode 0644.
  std::string write(const std::string& name, const std::string& bytes);
  // A property list NAME.plist: its label, a shell command, and more keys as XML.
  std::string job(const std::string& label, const std::string& command, const std::string& more = {});
  // The same, loaded; it has to succeed.
  std::string load(const std::string& label, const std::string& command, const std::string& more = {});

  Ran ctl(const std::vector<std::string>& words) const;
  Line line(const std::string& label) const;
  pid_t pid(const std::string& label) const;  // 0: does not run

  std::string read(const std::string& name) const;                // "" when it is not there
  std::vector<std::string> lines(const std::string& name) const;  // of a file

  // Times of launchd's log, in seconds, of lines about a job that hold these words.
  std::vector<double> times(const std::string& label, const std::string& words) const;

 private:
  std::string domain_, directory_;
};

// Looks again and again; false, and a failure, if it is not so in time.
bool await(const std::function<bool()>& so, int milliseconds = user::kPatience);
std::string key(const std::string& name, const std::string& xml);  // <key>name</key>xml
bool lives(pid_t pid);

}  // namespace jobs
