// SPDX-License-Identifier: Apache-2.0
// The namespaces of a domain, read from a view of its segment: no lock is taken, nobody is asked, and a domain
// whose programs hang is read like any other.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "segment/segment.hpp"

namespace portolan::inspect {

struct ServiceRow {
  std::string name;
  std::string owner;  // a job's label, or `<pointer>.anonymous.<program>`
  char state;         // A: active, D: on demand, I: neither (bootstrap 11.1)
};

struct Namespace {
  uint32_t index = 0, parent = 0;  // 0: none
  std::string name;
  std::vector<ServiceRow> services;  // by name
  std::vector<uint32_t> children;    // positions in the list, newest first
};

class Namespaces {
 public:
  explicit Namespaces(const Segment& segment);

  const std::vector<Namespace>& all() const { return all_; }
  const Namespace* root() const;
  const Namespace* parent_of(const Namespace& child) const;
  // That of a task's bootstrap port. nullptr: there is no such task, or its port leads to none.
  const Namespace* of_pid(uint32_t pid) const;
  // That of the nearest ancestor which is a task, which a new task would begin in; else the root.
  const Namespace* of_process(uint32_t pid) const;
  bool is_task(uint32_t pid) const;

 private:
  void read_services();
  const Namespace* at(uint32_t index) const;

  const Segment& segment_;
  std::vector<Namespace> all_;
};

}  // namespace portolan::inspect
