// SPDX-License-Identifier: Apache-2.0
// Log lines: LOG() << "text". Each line names its thread and place, and is kept in memory; --verbose also
// writes it to the standard error stream.
#ifndef BROWSER_BASE_LOGGING_H_
#define BROWSER_BASE_LOGGING_H_

#include <mach/mach.h>

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

// Ends the program unless `result` is KERN_SUCCESS, saying what failed and why.
#define CHECK_KR(result, what) logging::CheckKr((result), (what), __FILE__, __LINE__)

namespace logging {

void CheckKr(kern_return_t result, const char* what, const char* file, int line);

}  // namespace logging

#endif  // BROWSER_BASE_LOGGING_H_
