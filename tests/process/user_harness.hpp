// SPDX-License-Identifier: Apache-2.0
// For tests from the outside: programs that are started in a private domain, spoken to by lines on their
// standard input and output, waited for, and killed. The tests themselves make no trap.
#pragma once

#include <sys/types.h>

#include <string>
#include <string_view>
#include <vector>

namespace user {

// Everything takes longer under a sanitizer.
#ifdef PORTOLAN_SANITIZED
inline constexpr int kSlower = 5;
#else
inline constexpr int kSlower = 1;
#endif
inline constexpr int kPatience = 30000;  // milliseconds, for what should take none

// A directory for a domain, removed at the end.
class Domain {
 public:
  Domain();
  ~Domain();
  Domain(const Domain&) = delete;
  Domain& operator=(const Domain&) = delete;

  const std::string& path() const { return path_; }
  // What `portolan fsck` says of it: its exit status.
  int fsck() const;

 private:
  std::string path_;
};

class Program {
 public:
  using Arguments = std::vector<std::string>;

  // Starts the program at `path`, or build/tests/programs/`path` if that has no slash. Without a domain it
  // gets none.
  Program(const Domain* domain, const std::string& path, const Arguments& arguments);
  Program(const Domain& domain, const std::string& path, const Arguments& arguments)
      : Program(&domain, path, arguments) {}
  ~Program();
  Program(const Program&) = delete;
  Program& operator=(const Program&) = delete;

  pid_t pid() const { return pid_; }

  // The next line of its standard output, without its end; "" when there is none any more, or none came in
  // time.
  std::string line(int milliseconds = kPatience);
  // Reads on to a line that begins so, and answers it.
  std::string line_with(std::string_view begin);
  // The rest of its standard output.
  std::string rest();

  // Writes a line to its standard input.
  void tell(const std::string& line);

  void kill_hard();

  // Its exit status, 128 + N for signal N; -1, and it is killed, if it does not end in time.
  int wait(int milliseconds = kPatience);

 private:
  bool fill(int milliseconds);

  pid_t pid_ = -1;
  int input_ = -1;
  int output_ = -1;
  int status_ = -1;
  bool ended_ = false;
  std::string buffer_;
};

// Milliseconds of a clock that only goes forward.
double now_ms();

}  // namespace user
