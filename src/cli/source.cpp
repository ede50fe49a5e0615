// SPDX-License-Identifier: Apache-2.0
#include "cli/source.hpp"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>

#include "inspect/stacks.hpp"
#include "inspect/symbols.hpp"
#include "segment/domain_files.hpp"

namespace portolan::cli {

using inspect::Snapshot;
using inspect::TaskInfo;

std::string domain_name(const Globals& globals) {
  if (globals.domain) return *globals.domain;
  const char* name = secure_getenv("PORTOLAN_DOMAIN");
  return name != nullptr && *name != 0 ? name : "default";
}

Failure failure_of(const DomainError& error) {
  Failure failure;
  failure.what = error.message;
  failure.remedy = error.remedy;
  switch (error.code) {
    case DomainFault::bad_name:
      failure.code = kUsage;
      break;
    case DomainFault::absent:
      failure.code = kAbsent;
      break;
    case DomainFault::secure:
    case DomainFault::bad_directory:
      failure.code = kNotPermitted;
      break;
    default:
      failure.code = kRefused;
      break;
  }
  return failure;
}

Source::Source(const Globals& globals) {
  if (globals.input) {
    open_file(*globals.input);
    return;
  }
  name_ = domain_name(globals);
  DomainError error;
  if (!domain_place(name_.c_str(), place_, error)) throw failure_of(error);
  path_ = place_.path;
  file_ = path_ + "/" + files::segment_name();
  if (!domain_open_readonly(place_, segment_, error)) {
    Failure failure = failure_of(error);
    if (error.code == DomainFault::absent) {
      failure.what = "there is no domain " + name_ + " (" + path_ + ")";
      failure.remedy = "portolan run " + (globals.domain ? "-d " + name_ + " " : std::string()) + "PROGRAM";
    }
    throw failure;
  }
}

void Source::open_file(const std::string& file) {
  live_ = false;
  name_ = path_ = file_ = file;
  const int descriptor = open(file.c_str(), O_RDONLY | O_CLOEXEC);
  struct stat status {};
  if (descriptor < 0 || fstat(descriptor, &status) != 0)
    throw Failure{errno == ENOENT   ? kAbsent
                  : errno == EACCES ? kNotPermitted
                                    : kRefused,
                  "cannot read " + file + ": " + std::strerror(errno), ""};
  length_ = static_cast<uint64_t>(status.st_size);
  if (length_ >= sizeof(Header))
    memory_ = mmap(nullptr, length_, PROT_READ, MAP_PRIVATE | MAP_NORESERVE, descriptor, 0);
  close(descriptor);
  if (memory_ == MAP_FAILED) {
    memory_ = nullptr;
    throw Failure{kRefused, "cannot map " + file + ": " + std::strerror(errno), ""};
  }
  if (memory_ == nullptr || !segment_.view(memory_, length_)) {
    const char* fault = memory_ == nullptr
                            ? "not a Portolan segment"
                            : Segment::header_fault(*static_cast<const Header*>(memory_), length_);
    throw Failure{kUsage, file + ": " + (fault == nullptr ? "damaged" : fault), ""};
  }
}

Source::~Source() {
  if (memory_ != nullptr)
    munmap(memory_, length_);
  else if (segment_.base() != nullptr)
    domain_unmap(segment_);
}

Snapshot Source::snapshot() const { return inspect::snapshot(segment_); }

Copy::Copy(const std::string& file) {
  const int descriptor = open(file.c_str(), O_RDONLY | O_CLOEXEC);
  struct stat status {};
  if (descriptor < 0 || fstat(descriptor, &status) != 0) {
    const int problem = errno;
    if (descriptor >= 0) close(descriptor);
    throw Failure{problem == ENOENT ? kAbsent : kRefused,
                  "cannot read " + file + ": " + std::strerror(problem), ""};
  }
  length_ = static_cast<uint64_t>(status.st_size);
  memory_ =
      mmap(nullptr, length_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (memory_ == MAP_FAILED) {
    memory_ = nullptr;
    close(descriptor);
    throw Failure{kRefused, "no memory for a copy of " + file, ""};
  }
  auto* bytes = static_cast<std::byte*>(memory_);
  for (off_t at = 0; (at = lseek(descriptor, at, SEEK_DATA)) >= 0;) {
    off_t end = lseek(descriptor, at, SEEK_HOLE);
    if (end < 0) end = static_cast<off_t>(length_);
    while (at < end) {
      const ssize_t n = pread(descriptor, bytes + at, static_cast<size_t>(end - at), at);
      if (n < 0 && errno == EINTR) continue;
      if (n <= 0) break;
      at += n;
    }
    if (at < end) break;
  }
  close(descriptor);
  if (length_ < sizeof(Header) || !segment_.view(memory_, length_)) {
    const char* fault = length_ < sizeof(Header)
                            ? nullptr
                            : Segment::header_fault(*static_cast<const Header*>(memory_), length_);
    munmap(memory_, length_);
    memory_ = nullptr;
    throw Failure{kUsage, file + ": " + (fault == nullptr ? "not a Portolan segment" : fault), ""};
  }
}

Copy::~Copy() {
  if (memory_ != nullptr) munmap(memory_, length_);
}

namespace {

bool is_number(const std::string& word) {
  return !word.empty() && word.size() < 10 && word.find_first_not_of("0123456789") == std::string::npos;
}

bool is_glob(const std::string& word) { return word.find_first_of("*?[") != std::string::npos; }

Failure nobody(const Snapshot& snapshot, const std::string& word, const char* command) {
  Failure failure{kAbsent, "no task " + word + " in this domain", "portolan ps"};
  std::vector<std::string> programs;
  for (const TaskInfo& task : snapshot.tasks) programs.push_back(task.program);
  if (const std::string near = nearest(word, programs); !near.empty())
    failure.remedy = std::string("portolan ") + command + " " + near;
  return failure;
}

}  // namespace

std::vector<const TaskInfo*> select_tasks(const Snapshot& snapshot, const std::string& word,
                                          const char* command) {
  std::vector<const TaskInfo*> found;
  for (const TaskInfo& task : snapshot.tasks) {
    if (task.dead) continue;
    const bool match =
        is_number(word) ? std::to_string(task.pid) == word : inspect::glob_match(word, task.program);
    if (match) found.push_back(&task);
  }
  if (found.empty()) throw nobody(snapshot, word, command);
  if (found.size() > 1 && !is_glob(word)) {
    std::string pids;
    for (size_t i = 0; i < found.size(); i++)
      pids += (i == 0 ? "" : i + 1 == found.size() ? " and " : ", ") + std::to_string(found[i]->pid);
    const char* many[] = {"two", "three", "four", "five", "six", "seven", "eight", "nine"};
    const std::string count = found.size() < 10 ? many[found.size() - 2] : std::to_string(found.size());
    throw Failure{kUsage, count + " tasks are called " + word + ": " + pids,
                  std::string("portolan ") + command + " " + std::to_string(found[0]->pid) + "        (or '" +
                      word + "*' for " + (found.size() == 2 ? "both" : "all") + ")"};
  }
  return found;
}

const TaskInfo& select_task(const Snapshot& snapshot, const std::string& word, const char* command) {
  const std::vector<const TaskInfo*> found = select_tasks(snapshot, word, command);
  if (found.size() > 1) {
    std::string pids;
    for (const TaskInfo* task : found) pids += " " + std::to_string(task->pid);
    throw Failure{kUsage, "one task is wanted; " + word + " matches" + pids,
                  std::string("portolan ") + command + " " + std::to_string(found[0]->pid)};
  }
  return *found[0];
}

}  // namespace portolan::cli
