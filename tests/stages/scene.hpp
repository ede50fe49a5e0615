// SPDX-License-Identifier: Apache-2.0
// A domain of real processes with somebody in it who serves, in which something is done to others. All is
// well afterwards if a stranger can come and be served, as much is in use as before, and fsck is content.
#pragma once

#include <memory>
#include <string>

#include "process/census.hpp"
#include "process/user_harness.hpp"

namespace portolan::stages {

std::string lives_program();

class Scene {
 public:
  Scene();
  const user::Domain& domain() const { return domain_; }
  const std::string& path() const { return domain_.path(); }
  // Empty: there is one who serves, and it is known what is in use.
  const std::string& failure() const { return failure_; }

  // What is not well; empty: nothing.
  std::string wrong();
  // launchd's process, 0: none.
  pid_t launchd() const;
  // Everybody else stands still, or goes on.
  void hold() const;
  void release() const;

 private:
  std::string unsound() const;

  user::Domain domain_;
  std::unique_ptr<user::Program> server_;
  user::Census before_;
  std::string failure_;
};

// A stranger visits whoever serves there.
bool visited(const user::Domain& domain);

}  // namespace portolan::stages
