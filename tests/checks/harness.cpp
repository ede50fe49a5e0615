// SPDX-License-Identifier: Apache-2.0
// Processes and domains for checks, one each.
#include "checks/harness.hpp"

#include <fcntl.h>
#include <mach/mach_error.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <string>

namespace checks {

namespace {

// In the environment of the process that a check has to itself.
constexpr const char* kAlone = "PORTOLAN_CHECK";

void end_in_time() { alarm(4 * kPatience / 1000 * user::kSlower); }

void run_alone() {
  const testing::TestInfo& info = *testing::UnitTest::GetInstance()->current_test_info();
  const std::string name = std::string(info.test_suite_name()) + "." + info.name();
  const user::Domain domain;
  setenv(kAlone, "1", 1);
  // Which part of the tests are ours was read at the start; the other program runs the one that it is told.
  for (const char* part : {"GTEST_TOTAL_SHARDS", "GTEST_SHARD_INDEX"}) unsetenv(part);
  user::Program program(domain, "/proc/self/exe",
                        {"--gtest_filter=" + name, "--gtest_brief=1", "--gtest_output=", "--gtest_color=no",
                         "--gtest_also_run_disabled_tests"});
  unsetenv(kAlone);
  const std::string text = program.rest();
  const int status = program.wait();
  if (status != 0) ADD_FAILURE() << "exit status " << status << "\n" << text;
  EXPECT_NE(std::string::npos, text.find("] 1 test from 1 test suite ran.")) << text;
  if (text.find("[  SKIPPED ]") != std::string::npos) GTEST_SKIP() << text;
}

void fsck() {
  user::Program fsck(nullptr, PORTOLAN_CLI, {"-d", getenv("PORTOLAN_DOMAIN"), "fsck"});
  const std::string text = fsck.rest();
  EXPECT_EQ(0, fsck.wait()) << text;
}

// Sleeping, stopped, running ...: the third field of stat, after the name in brackets.
char state_of_thread(pid_t tid) {
  std::ifstream file("/proc/self/task/" + std::to_string(tid) + "/stat");
  std::string text;
  std::getline(file, text);
  const size_t bracket = text.rfind(')');
  return bracket == std::string::npos || bracket + 2 >= text.size() ? '?' : text[bracket + 2];
}

}  // namespace

void run(void (*body)()) {
  if (getenv(kAlone) == nullptr) {
    run_alone();
    return;
  }
  end_in_time();
  body();
  fsck();
}

testing::AssertionResult same_code(const char* wanted_text, const char* text, kern_return_t wanted,
                                   kern_return_t result) {
  if (wanted == result) return testing::AssertionSuccess();
  char number[16];
  std::snprintf(number, sizeof number, "0x%x", static_cast<unsigned>(result));
  return testing::AssertionFailure() << text << "\n  is " << number << " " << mach_error_string(result)
                                     << "\n  not " << wanted_text;
}

bool eventually(const std::function<bool()>& so) {
  const double deadline = user::now_ms() + kPatience;
  while (!so()) {
    if (user::now_ms() > deadline) {
      ADD_FAILURE() << "waited in vain";
      return false;
    }
    usleep(1000);
  }
  return true;
}

Line::~Line() {
  close(in_);
  close(out_);
}

void Line::tell(uint64_t number) const {
  if (write(out_, &number, sizeof number) != sizeof number) ADD_FAILURE() << "nobody hears";
}

uint64_t Line::hear() const {
  uint64_t number = 0;
  pollfd ready{in_, POLLIN, 0};
  if (poll(&ready, 1, kPatience) <= 0 || read(in_, &number, sizeof number) != sizeof number)
    ADD_FAILURE() << "nothing to hear";
  return number;
}

void Line::wait() const {
  uint64_t number;
  while (read(in_, &number, sizeof number) < 0 && errno == EINTR) {
  }
}

Peer::Peer(Life life) {
  int down[2], up[2];
  if (pipe2(down, O_CLOEXEC) != 0 || pipe2(up, O_CLOEXEC) != 0) std::abort();
  std::fflush(nullptr);
  pid_ = fork();
  if (pid_ == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    end_in_time();
    close(down[1]);
    close(up[0]);
    const Line line(down[0], up[1]);
    line.tell(1);
    line.wait();  // until it has been looked up: a short life would be over
    if (life)
      life(line);
    else
      line.wait();
    std::fflush(nullptr);
    _exit(testing::Test::HasFailure() ? 1 : 0);
  }
  close(down[0]);
  close(up[1]);
  line_ = std::make_unique<Line>(up[0], down[1]);
  line_->hear();
  EXPECT_CODE(KERN_SUCCESS, task_for_pid(mach_task_self(), pid_, &task_));
  line_->tell(1);
}

Peer::~Peer() {
  if (pid_ > 0) end();
}

mach_port_name_t Peer::give(mach_port_t right, mach_msg_type_name_t disposition) {
  // An entry for the port may be there already, under the name that it has to be then.
  mach_port_name_t name = next_;
  next_ += 0x100;
  EXPECT_CODE(KERN_SUCCESS, mach_port_insert_right(task_, name, right, disposition));
  return name;
}

void Peer::end() {
  line_.reset();
  int status = 0;
  waitpid(pid_, &status, 0);
  EXPECT_EQ(0, status) << "what the other task expects";
  bury();
}

void Peer::kill_hard() {
  kill(pid_, SIGKILL);
  waitpid(pid_, nullptr, 0);
  bury();
}

void Peer::bury() {
  pid_ = -1;
  // Its port dies last of what it had.
  eventually([this] {
    mach_port_type_t type = 0;
    return mach_port_type(mach_task_self(), task_, &type) != KERN_SUCCESS ||
           (type & MACH_PORT_TYPE_DEAD_NAME) != 0;
  });
  EXPECT_CODE(KERN_SUCCESS, mach_port_deallocate(mach_task_self(), task_));
  task_ = MACH_PORT_NULL;
}

Blocked::Blocked(std::function<kern_return_t()> call) {
  std::promise<pid_t> begun;
  std::future<pid_t> thread = begun.get_future();
  std::packaged_task<kern_return_t()> task(std::move(call));
  code_ = task.get_future();
  thread_ = std::thread([task = std::move(task), begun = std::move(begun)]() mutable {
    begun.set_value(static_cast<pid_t>(syscall(SYS_gettid)));
    task();
  });
  const pid_t tid = thread.get();
  // Asleep twice in a row, so that a short sleep on the way is not taken for the wait.
  eventually([tid] {
    if (state_of_thread(tid) != 'S') return false;
    usleep(5000);
    return state_of_thread(tid) == 'S';
  });
}

kern_return_t Blocked::code() {
  if (code_.wait_for(std::chrono::milliseconds(kPatience)) != std::future_status::ready) {
    // The thread cannot be ended: the process has to.
    ADD_FAILURE() << "still blocked";
    std::fflush(nullptr);
    _exit(1);
  }
  thread_.join();
  return code_.get();
}

}  // namespace checks
