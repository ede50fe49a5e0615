// SPDX-License-Identifier: Apache-2.0
// Two peers of one subject, and a private domain for all that need one.
#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

#include "protocol.hpp"

namespace bench {

// What is measured, and on whom.
struct Case {
  std::string measure;  // as results.json names it
  std::string subject;
  std::string kind;   // mach, socket or futex
  std::string shape;  // round-trip, one-way or megabyte
  bool spin_off = false;
  int server_cpu = -1;  // where they are pinned; -1: nowhere
  int client_cpu = -1;
};

// A directory for a domain of our own, removed at the end.
class PrivateDomain {
 public:
  PrivateDomain();
  ~PrivateDomain();
  PrivateDomain(const PrivateDomain&) = delete;
  PrivateDomain& operator=(const PrivateDomain&) = delete;

  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

class Pair {
 public:
  // Starts both peers; they live until the destructor. `number` tells the pairs of a run apart.
  Pair(const Case& what, const std::string& peer, const PrivateDomain& domain, unsigned number);
  ~Pair();
  Pair(const Pair&) = delete;
  Pair& operator=(const Pair&) = delete;

  // Waits until they have found each other. False: one of them has failed, and said why.
  bool ready();

  // One round; appends its samples. False as above.
  bool run(const Command& command, std::vector<double>& samples);

 private:
  bool receive(Done& done);

  int control_ = -1;
  Shared* shared_ = nullptr;
  pid_t server_ = -1;
  pid_t client_ = -1;
};

}  // namespace bench
