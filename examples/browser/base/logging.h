// SPDX-License-Identifier: Apache-2.0
// Log lines: LOG() << "text". Each line names its thread and place, and is kept in memory; --verbose also
// writes it to the standard error stream.
#ifndef BROWSER_BASE_LOGGING_H_
#define BROWSER_BASE_LOGGING_H_

#include <cstdint>
#include <sstream>

namespace logging {

// One line: begun by the constructor, filled through stream(), entered by the destructor.
class Message {
 public:
  Message(const char* file, int line);
  ~Message();
  Message(const Message&) = delete;
  Message& operator=(const Message&) = delete;

  std::ostream& stream() { return stream_; }

 private:
  std::ostringstream stream_;
};

void SetVerbose(bool verbose);

// How many lines were entered so far.
uint64_t LineCount();

}  // namespace logging

#define LOG() logging::Message(__FILE__, __LINE__).stream()

#endif  // BROWSER_BASE_LOGGING_H_
