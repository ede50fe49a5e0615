// SPDX-License-Identifier: Apache-2.0
// The log: the latest lines, in a ring under one lock. Every line calls base::CurrentId(), on whatever thread
// it is written: that is how a small leak in one place came to be everywhere.
#include "base/logging.h"

#include <unistd.h>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <mutex>
#include <string>

#include "base/thread_id.h"

namespace logging {

namespace {

struct Log {
  std::mutex lock;
  std::array<std::string, 256> lines;  // the ring; under the lock
  uint64_t count = 0;                  // lines so far; under the lock
  bool verbose = false;                // under the lock
};

Log& TheLog() {
  static Log* log = new Log;  // never destroyed: threads may log to the very end
  return *log;
}

const char* BaseName(const char* path) {
  const char* slash = std::strrchr(path, '/');
  return slash != nullptr ? slash + 1 : path;
}

}  // namespace

Message::Message(const char* file, int line) {
  stream_ << '[' << getpid() << ':' << base::CurrentId() << "] " << BaseName(file) << ':' << line << ' ';
}

Message::~Message() {
  Log& log = TheLog();
  const std::lock_guard<std::mutex> guard(log.lock);
  std::string& line = log.lines[log.count % log.lines.size()];
  line = stream_.str();
  log.count++;
  if (log.verbose) std::fprintf(stderr, "%s\n", line.c_str());
}

void SetVerbose(bool verbose) {
  Log& log = TheLog();
  const std::lock_guard<std::mutex> guard(log.lock);
  log.verbose = verbose;
}

uint64_t LineCount() {
  Log& log = TheLog();
  const std::lock_guard<std::mutex> guard(log.lock);
  return log.count;
}

}  // namespace logging
