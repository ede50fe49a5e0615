// SPDX-License-Identifier: Apache-2.0
// Checks: the numbered rules of docs/rules as tests that speak the public calls only.
//
// A check has a process and a domain to itself: its test starts this program again, inside a new domain, for
// that test alone; there the body runs, and fsck after it. So every check finds the space as a program finds
// it at its start, and may spoil it, its threads and its children as it likes.
//
//   CHECK(Ports, P022_TwiceMadeIsTwoUserReferences) { EXPECT_EQ(...); }
//
// The name begins with the letter of the catalogue and the number of the rule: scripts/checks reads it. To
// look at one in a debugger, start it the way the test does, in a directory of your own:
//
//   PORTOLAN_CHECK=1 PORTOLAN_DOMAIN=/dev/shm/mine gdb --args build/tests/check_tests --gtest_filter='*P022*'
//
// Every task of a check ends with the process it runs in, and none lives longer than kPatience.
#pragma once

#include <gtest/gtest.h>
#include <mach/mach.h>
#include <sys/types.h>

#include <functional>
#include <future>
#include <thread>

#include "process/user_harness.hpp"

namespace checks {

using user::kPatience;  // milliseconds, for what should take none

// The body, in a process of its own or, if this is that process, here.
void run(void (*body)());

#define CHECK(suite, name)                           \
  static void suite##_##name();                      \
  TEST(suite, name) { checks::run(suite##_##name); } \
  static void suite##_##name()

// Compares return codes, and says them in words.
#define EXPECT_CODE(wanted, result) EXPECT_PRED_FORMAT2(checks::same_code, wanted, result)
testing::AssertionResult same_code(const char* wanted_text, const char* text, kern_return_t wanted,
                                   kern_return_t result);

// Numbers between a check and a task it started.
class Line {
 public:
  Line(int in, int out) : in_(in), out_(out) {}
  ~Line();
  Line(const Line&) = delete;
  Line& operator=(const Line&) = delete;

  void tell(uint64_t number) const;
  // 0, and a failure, if none came in time or the other end is gone.
  uint64_t hear() const;
  // Until the other end tells something, or is gone: how a task stays alive as long as it is needed.
  void wait() const;

 private:
  int in_, out_;
};

// Another task: a forked child, which starts with a space of its own. What fails in it fails the check.
class Peer {
 public:
  using Life = std::function<void(const Line&)>;

  // Runs `life` in a new task; without one it only lives. Returns once it has joined the domain.
  explicit Peer(Life life = {});
  ~Peer();
  Peer(const Peer&) = delete;
  Peer& operator=(const Peer&) = delete;

  pid_t pid() const { return pid_; }
  const Line& line() const { return *line_; }
  // Its control port: every mach_port call works on its space. One user reference, kept by the peer.
  mach_port_t task() const { return task_; }
  // Gives it a right, under a name of its own that is returned.
  mach_port_name_t give(mach_port_t right, mach_msg_type_name_t disposition);

  // Tells it to end, waits for that, and until the domain has seen it.
  void end();
  // SIGKILL, and the same.
  void kill_hard();

 private:
  void bury();
  pid_t pid_ = -1;
  mach_port_t task_ = MACH_PORT_NULL;
  mach_port_name_t next_ = 0x1003;
  std::unique_ptr<Line> line_;
};

// A call that blocks, in a thread of its own.
class Blocked {
 public:
  // Returns once the thread sleeps in the call.
  explicit Blocked(std::function<kern_return_t()> call);
  // Waits for the call to return.
  kern_return_t code();

 private:
  std::future<kern_return_t> code_;
  std::thread thread_;
};

// Looks again and again until it is so; false, and a failure, if it never is.
bool eventually(const std::function<bool()>& so);

}  // namespace checks
