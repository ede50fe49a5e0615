// SPDX-License-Identifier: Apache-2.0
// A real process in a domain, under a debugger: run to where it stops itself, to a system call, stepped,
// given signals, its system calls failed, killed. One of its threads is traced, which need not be its first,
// and may be the child that it forks.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace portolan::stages {

// A system call that is about to be made.
struct Call {
  uint64_t number = 0;
  uint64_t arguments[6] = {};
};

// Who is traced from when on: a program from its start, or a thread of it from where it asks for it.
enum class Tracing { from_start, when_asked };

class Traced {
 public:
  using Arguments = std::vector<std::string>;
  // `directory`: of the domain. The first argument is the program's file.
  Traced(const std::string& directory, const Arguments& arguments, Tracing tracing);
  ~Traced();
  Traced(const Traced&) = delete;
  Traced& operator=(const Traced&) = delete;

  pid_t pid() const { return traced_; }
  bool alive() const { return alive_; }
  // How it ended, when it has; or that it hangs.
  const std::string& failure() const { return failure_; }
  // What it has written to its standard error.
  std::string said() const;

  // To the next place where it stops itself; false: it has ended, or hangs. `signal`: delivered where it is.
  bool to_stop(int signal = 0);
  // One instruction. False: it stops itself before that, or has ended.
  bool step();
  // Has it just become another program?
  bool execed() const;
  // Is the next instruction a system call, and which?
  bool at_call(Call& call) const;
  // To the next system call, not made yet; false: it stopped itself before, or has ended. Then, past it:
  // made, or failed with `error` instead.
  bool to_call(Call& call);
  bool past_call(int error);
  // To the first call that is the one.
  bool to_call(const std::function<bool(const Call&)>& wanted);
  // To where it has just become another program.
  bool to_exec();
  // To where it has forked; from then on it is about the child, and the parent goes its way.
  bool to_child();

  void kill();
  // No longer traced, it goes its way.
  void let_go();
  // Until all of it has ended, whoever was traced: its exit status, 128 + N for signal N, -1 when it hangs.
  int finish();

 private:
  bool find_traced();
  bool wait();
  bool stopped_itself() const;
  bool enters() const;  // a system call, rather than leaving one

  pid_t process_ = -1, traced_ = -1;
  int words_;  // a file in memory
  int status_ = 0, ended_ = -2;
  bool alive_ = true;
  std::string failure_;
};

// While one lives, a waitpid that takes long is interrupted each second, so that what hangs is noticed.
void interrupt_each_second();

}  // namespace portolan::stages
