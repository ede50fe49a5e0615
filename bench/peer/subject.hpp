// SPDX-License-Identifier: Apache-2.0
// A way for two processes to talk, as the benchmark sees it.
#pragma once

#include <memory>
#include <string>

#include "protocol.hpp"

namespace bench {

class Subject {
 public:
  virtual ~Subject() = default;

  // In the server, for ever.
  [[noreturn]] virtual void serve() = 0;
  // In the client, once before the first iteration.
  virtual void connect() {}
  // In the client: what is measured.
  virtual void iterate() = 0;
  // How many messages or round trips one iteration stands for.
  virtual uint32_t weight() const { return 1; }
};

// `measure` is round-trip, one-way or megabyte. Null: there is no such thing.
std::unique_ptr<Subject> mach_subject(const std::string& measure, const std::string& service);
std::unique_ptr<Subject> socket_subject(const std::string& measure);
std::unique_ptr<Subject> futex_subject(const std::string& measure, Shared& shared);

// Says what failed, and errno if it is set, and ends the process.
[[noreturn]] void fail(const char* what, const char* why = nullptr);

}  // namespace bench
