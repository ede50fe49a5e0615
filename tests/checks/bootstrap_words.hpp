// SPDX-License-Identifier: Apache-2.0
// The words of the bootstrap checks.
#pragma once

#include <servers/bootstrap_priv.h>

#include <string>
#include <vector>

#include "checks/words.hpp"

namespace checks {

inline constexpr uint64_t kNoPort = 1;  // what a peer tells when a call has failed

// Each answers the right; a failure fails the check.
mach_port_t check_in(const char* name, mach_port_t bp = bootstrap_port);
mach_port_t look_up(const char* name, mach_port_t bp = bootstrap_port);
mach_port_t subset_of(mach_port_t requestor, mach_port_t bp = bootstrap_port);

kern_return_t check_in_code(const char* name, mach_port_t bp = bootstrap_port);
kern_return_t look_up_code(const char* name, mach_port_t bp = bootstrap_port);
kern_return_t register_code(const char* name, mach_port_t port, mach_port_t bp = bootstrap_port);

// Do both names lead to one port? A message through the one arrives at the other's receive right.
bool leads_to(mach_port_t send, mach_port_t receive);

// A program of tests/programs/bootstrap_child.c, started by fork and exec or by posix_spawn.
class Program {
 public:
  enum class How { exec, spawn };
  // `bootstrap`: the special port of the child alone, by posix_spawnattr_setspecialport_np.
  Program(How how, std::vector<std::string> arguments, mach_port_t bootstrap = kNoPort);
  ~Program();
  Program(const Program&) = delete;
  Program& operator=(const Program&) = delete;

  // The numbers of its line of output.
  std::vector<long> line();
  // Its exit status, once its input has ended.
  int status();

 private:
  pid_t pid_ = -1;
  int in_ = -1, out_ = -1;
};

}  // namespace checks
