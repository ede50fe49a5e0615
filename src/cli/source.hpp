// SPDX-License-Identifier: Apache-2.0
// Where a command reads: a live domain, mapped without joining it, or a copied segment (-i FILE).
#pragma once

#include <string>
#include <vector>

#include "cli/command.hpp"
#include "inspect/snapshot.hpp"
#include "segment/domain.hpp"

namespace portolan::cli {

class Source {
 public:
  // Throws Failure: no such domain, not ours, of another layout.
  explicit Source(const Globals& globals);
  ~Source();
  Source(const Source&) = delete;
  Source& operator=(const Source&) = delete;

  const Segment& segment() const { return segment_; }
  inspect::Snapshot snapshot() const;
  bool live() const { return live_; }
  const std::string& name() const { return name_; }  // of the domain, or of the file
  const std::string& path() const { return path_; }  // of the directory, or of the file
  const std::string& file() const { return file_; }  // of the segment
  const DomainPlace& place() const { return place_; }

 private:
  void open_file(const std::string& file);

  Segment segment_;
  DomainPlace place_;
  bool live_ = true;
  void* memory_ = nullptr;
  uint64_t length_ = 0;
  std::string name_, path_, file_;
};

// A copy of a segment's file in anonymous memory, holes left as holes; torn if somebody writes meanwhile.
class Copy {
 public:
  explicit Copy(const std::string& file);
  ~Copy();
  Copy(const Copy&) = delete;
  Copy& operator=(const Copy&) = delete;
  Segment& segment() { return segment_; }

 private:
  Segment segment_;
  void* memory_ = nullptr;
  uint64_t length_ = 0;
};

// The name that -d, PORTOLAN_DOMAIN or the default give.
std::string domain_name(const Globals& globals);
Failure failure_of(const DomainError& error);

// Tasks by pid, program name or quoted glob. Throws Failure: nobody, or several where one is wanted (and no
// glob).
std::vector<const inspect::TaskInfo*> select_tasks(const inspect::Snapshot& snapshot, const std::string& word,
                                                   const char* command);
const inspect::TaskInfo& select_task(const inspect::Snapshot& snapshot, const std::string& word,
                                     const char* command);

}  // namespace portolan::cli
