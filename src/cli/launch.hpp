// SPDX-License-Identifier: Apache-2.0
// Starting a program for run and check, and waiting for it.
#pragma once

#include <sys/types.h>

#include <functional>
#include <string>
#include <utility>
#include <vector>

namespace portolan::cli {

// What a program leaves: an exit code, or a signal.
struct Ending {
  bool signalled = false;
  int value = 0;
  double seconds = 0;

  int status() const { return signalled ? 128 + value : value; }
  std::string text() const;  // "exited 0 after 61.3 s", "killed by SIGSEGV after 0.1 s"
};

using Environment = std::vector<std::pair<std::string, std::string>>;

class Child {
 public:
  // Starts `program` with these settings in its environment; `example:NAME` is an example of ours. Throws
  // Failure with code 126 or 127 when it cannot be.
  Child(std::vector<std::string> program, const Environment& settings);
  ~Child();
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;

  pid_t pid() const { return pid_; }
  // Waits for it, passing SIGTERM and SIGHUP on and leaving the terminal's signals to it; `meanwhile` is
  // called about twenty times a second.
  Ending wait(const std::function<void()>& meanwhile = {});

 private:
  pid_t pid_ = -1;
  double started_ = 0;
};

// A domain of one's own: a fresh directory beside the named domains. Removed with all that is in it.
class PrivateDomain {
 public:
  explicit PrivateDomain(const char* prefix);
  ~PrivateDomain();
  PrivateDomain(const PrivateDomain&) = delete;
  PrivateDomain& operator=(const PrivateDomain&) = delete;
  const std::string& path() const { return path_; }
  void keep() { keep_ = true; }

 private:
  std::string path_;
  bool keep_ = false;
};

std::string signal_word(int number);  // SIGSEGV
double seconds_now();                 // monotonic

}  // namespace portolan::cli
