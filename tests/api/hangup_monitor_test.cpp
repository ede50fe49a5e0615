// SPDX-License-Identifier: Apache-2.0
// The monitor of hang-ups: what is one, whom it is told to, and every order of a hang-up and the monitor's
// end.
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <termios.h>
#include <portolan/hangup_monitor.hpp>

#include <array>
#include <atomic>
#include <future>
#include <memory>
#include <optional>
#include <thread>

#include "api/api.hpp"

namespace api {
namespace {

class HangupMonitor : public Api {};

// Two descriptors, each closed once at the most.
class Ends {
 public:
  explicit Ends(std::array<int, 2> fds) : fds_(fds) {}
  ~Ends() {
    close(0);
    close(1);
  }
  Ends(const Ends&) = delete;
  Ends& operator=(const Ends&) = delete;
  int operator[](size_t i) const { return fds_[i]; }
  void close(size_t i) {
    if (fds_[i] >= 0) ::close(fds_[i]);
    fds_[i] = -1;
  }

 private:
  std::array<int, 2> fds_;
};

std::array<int, 2> sockets() {
  std::array<int, 2> fds{-1, -1};
  EXPECT_EQ(0, socketpair(AF_UNIX, SOCK_STREAM, 0, fds.data()));
  return fds;
}
// The read end first.
std::array<int, 2> pipes() {
  std::array<int, 2> fds{-1, -1};
  EXPECT_EQ(0, pipe(fds.data()));
  return fds;
}
// A terminal, and the master that is its line.
std::array<int, 2> terminal() {
  const int master = posix_openpt(O_RDWR | O_NOCTTY);
  EXPECT_EQ(0, grantpt(master));
  EXPECT_EQ(0, unlockpt(master));
  const int slave = open(ptsname(master), O_RDWR | O_NOCTTY);
  EXPECT_GE(slave, 0);
  return {slave, master};
}

// How often somebody was called.
class Calls {
 public:
  void operator()() {
    if (count_++ == 0) first_.set_value();
  }
  bool came() { return called_.wait_for(kPatience) == std::future_status::ready; }
  int count() const { return count_; }

 private:
  std::atomic<int> count_{0};
  std::promise<void> first_;
  std::future<void> called_ = first_.get_future();
};

void expect_told(std::array<int, 2> fds) {
  Ends ends(fds);
  Calls calls;
  hangup_monitor monitor = hangup_monitor::start(ends[0], [&] { calls(); }).value();
  EXPECT_EQ(0, calls.count());
  ends.close(1);
  EXPECT_TRUE(calls.came());
  monitor.stop();
  EXPECT_EQ(1, calls.count());
}

TEST_F(HangupMonitor, APeerOfASocketCloses) { expect_told(sockets()); }
TEST_F(HangupMonitor, AWriterOfAPipeCloses) { expect_told(pipes()); }
TEST_F(HangupMonitor, AReaderOfAPipeCloses) {
  const std::array<int, 2> fds = pipes();
  expect_told({fds[1], fds[0]});
}
TEST_F(HangupMonitor, ALineOfATerminalGoes) { expect_told(terminal()); }

TEST_F(HangupMonitor, APeerIsKilled) {
  Ends ends(sockets());
  Calls calls;
  Child client([&] {
    ends.close(0);
    pause();
  });
  ends.close(1);
  hangup_monitor monitor = hangup_monitor::start(ends[0], [&] { calls(); }).value();
  EXPECT_EQ(0, calls.count());
  client.kill_hard();
  EXPECT_TRUE(calls.came());
}

TEST_F(HangupMonitor, AHalfCloseIsAHangUp) {
  Ends ends(sockets());
  Calls calls;
  hangup_monitor monitor = hangup_monitor::start(ends[0], [&] { calls(); }).value();
  ASSERT_EQ(0, shutdown(ends[1], SHUT_WR));
  EXPECT_TRUE(calls.came());
}

TEST_F(HangupMonitor, WhatHasHungUpAlreadyIsToldAtOnce) {
  Ends ends(sockets());
  ends.close(1);
  Calls calls;
  hangup_monitor monitor = hangup_monitor::start(ends[0], [&] { calls(); }).value();
  EXPECT_TRUE(calls.came());
}

// What poll on Darwin loses: a write, seen and not drained, and then the hang-up.
TEST_F(HangupMonitor, BytesThatLieThereHideNothing) {
  for (const bool drained : {false, true}) {
    for (const auto make : {sockets, pipes}) {
      Ends ends(make());
      Calls calls;
      hangup_monitor monitor = hangup_monitor::start(ends[0], [&] { calls(); }).value();
      for (int i = 0; i < 3; i++) {
        ASSERT_EQ(4, write(ends[1], "byte", 4));
        std::this_thread::sleep_for(5ms);  // usually it has looked by then; either way it must do
      }
      char bytes[12];
      if (drained) {
        ASSERT_EQ(12, read(ends[0], bytes, sizeof bytes));
      }
      EXPECT_EQ(0, calls.count());
      ends.close(1);
      EXPECT_TRUE(calls.came());
      monitor.stop();
      EXPECT_EQ(1, calls.count());
      if (!drained) {
        EXPECT_EQ(12, read(ends[0], bytes, sizeof bytes)) << "the monitor reads nothing";
      }
    }
  }
}

TEST_F(HangupMonitor, WithoutAHangUpNobodyIsCalled) {
  Ends ends(sockets());
  Calls calls;
  {
    hangup_monitor monitor = hangup_monitor::start(ends[0], [&] { calls(); }).value();
    ASSERT_EQ(1, write(ends[1], "x", 1));
  }
  ends.close(1);
  std::this_thread::sleep_for(20ms);
  EXPECT_EQ(0, calls.count());
}

TEST_F(HangupMonitor, ItsOwnCallbackMayDestroyIt) {
  for (int i = 0; i < 50; i++) {
    Ends ends(sockets());
    std::promise<std::unique_ptr<hangup_monitor>> handed;
    std::future<std::unique_ptr<hangup_monitor>> mine = handed.get_future();
    std::promise<void> ended;
    struct told_at_the_end {
      std::promise<void>* ended;
      told_at_the_end(std::promise<void>* at) : ended(at) {}
      told_at_the_end(told_at_the_end&& other) noexcept : ended(std::exchange(other.ended, nullptr)) {}
      ~told_at_the_end() {
        if (ended != nullptr) ended->set_value();
      }
    };
    handed.set_value(std::make_unique<hangup_monitor>(
        hangup_monitor::start(ends[0], [&mine, held = told_at_the_end(&ended)] {
          mine.get().reset();
          EXPECT_NE(nullptr, held.ended) << "what the callback holds lives as long as it runs";
        }).value()));
    ends.close(1);
    EXPECT_EQ(std::future_status::ready, ended.get_future().wait_for(kPatience));
  }
}

// The end waits for a callback that runs, so that what this uses may go.
TEST_F(HangupMonitor, ItsEndWaitsForItsCallback) {
  Ends ends(pipes());
  std::promise<void> entered;
  std::atomic<bool> left{false};
  hangup_monitor monitor = hangup_monitor::start(ends[0], [&] {
                             entered.set_value();
                             std::this_thread::sleep_for(50ms);
                             left = true;
                           }).value();
  ends.close(1);
  entered.get_future().wait();
  monitor.stop();
  EXPECT_TRUE(left);
  monitor.stop();  // nothing is left to do
}

// Whoever wins: nobody is called twice, or after the end; and every end returns.
TEST_F(HangupMonitor, AThousandEndsRaceAThousandHangUps) {
  int told = 0;
  for (int i = 0; i < 1000; i++) {
    Ends ends(i % 2 == 0 ? sockets() : pipes());
    std::atomic<bool> over{false};
    std::atomic<int> calls{0};
    std::thread peer([&] {
      if (i % 3 == 0) {
        EXPECT_EQ(1, write(ends[1], "x", 1));
      }
      ends.close(1);
    });
    {
      hangup_monitor monitor = hangup_monitor::start(ends[0], [&] {
                                 EXPECT_FALSE(over);
                                 calls++;
                               }).value();
      if (i % 4 == 0) std::this_thread::yield();
      if (i % 4 == 1) std::this_thread::sleep_for(std::chrono::microseconds(i));
    }
    over = true;
    EXPECT_LE(calls, 1);
    told += calls;
    peer.join();
  }
  RecordProperty("told", told);
}

TEST_F(HangupMonitor, ManyAtOnce) {
  std::vector<std::unique_ptr<Ends>> ends;
  std::vector<hangup_monitor> monitors;
  std::atomic<int> calls{0};
  for (int i = 0; i < 100; i++) {
    ends.push_back(std::make_unique<Ends>(sockets()));
    monitors.push_back(hangup_monitor::start((*ends.back())[0], [&] { calls++; }).value());
  }
  for (size_t i = 0; i < ends.size(); i += 2) ends[i]->close(1);
  const auto deadline = std::chrono::steady_clock::now() + kPatience;
  while (calls < 50 && std::chrono::steady_clock::now() < deadline) std::this_thread::sleep_for(1ms);
  monitors.clear();
  EXPECT_EQ(50, calls);
}

TEST_F(HangupMonitor, AMonitorCanBeMoved) {
  Ends first(sockets()), second(sockets());
  Calls of_first, of_second;
  hangup_monitor monitor = hangup_monitor::start(first[0], [&] { of_first(); }).value();
  hangup_monitor other = hangup_monitor::start(second[0], [&] { of_second(); }).value();
  monitor = std::move(other);  // ends the first
  first.close(1);
  second.close(1);
  EXPECT_TRUE(of_second.came());
  EXPECT_EQ(0, of_first.count());
}

TEST_F(HangupMonitor, ClosedUnderItNobodyIsCalled) {
  Ends ends(sockets());
  Calls calls;
  const int number = ends[0];
  hangup_monitor monitor = hangup_monitor::start(number, [&] { calls(); }).value();
  ends.close(0);
  {
    Ends others(sockets());
    Ends next({dup2(others[0], number), -1});
    others.close(0);
    others.close(1);  // who has the number now hangs up
    std::this_thread::sleep_for(20ms);
  }
  monitor.stop();
  EXPECT_EQ(0, calls.count());
}

TEST_F(HangupMonitor, WhatCannotBeWatched) {
  const auto refused = [](int fd) { return hangup_monitor::start(fd, [] {}).error(); };
  EXPECT_TRUE(refused(-1) == unix_err(EBADF));
  EXPECT_TRUE(refused(1 << 20) == unix_err(EBADF));
  const std::string path = "/tmp/portolan-hangup-" + std::to_string(getpid());
  ASSERT_EQ(0, mkfifo(path.c_str(), 0600));
  const Ends fifo({open(path.c_str(), O_RDWR), open("/tmp", O_RDONLY | O_DIRECTORY)});
  unlink(path.c_str());
  EXPECT_TRUE(refused(fifo[0]) == unix_err(ENOTSUP));
  EXPECT_TRUE(refused(fifo[1]) == unix_err(EINVAL));
  EXPECT_STREQ("Invalid argument", refused(fifo[1]).text());
}

TEST_F(HangupMonitor, AFileNeverHangsUp) {
  Ends file({open("/proc/self/exe", O_RDONLY), -1});
  Calls calls;
  {
    hangup_monitor monitor = hangup_monitor::start(file[0], [&] { calls(); }).value();
  }
  EXPECT_EQ(0, calls.count());
}

// Signals are the program's: while the monitor's thread waits, they go to others.
TEST_F(HangupMonitor, ItsThreadTakesNoSignals) {
  Ends ends(sockets());
  sigset_t in_callback;
  sigemptyset(&in_callback);
  Calls calls;
  hangup_monitor monitor = hangup_monitor::start(ends[0], [&] {
                             pthread_sigmask(SIG_BLOCK, nullptr, &in_callback);
                             calls();
                           }).value();
  sigset_t here;
  pthread_sigmask(SIG_BLOCK, nullptr, &here);
  EXPECT_EQ(0, sigismember(&here, SIGUSR1)) << "the starter's mask is as before";
  ends.close(1);
  ASSERT_TRUE(calls.came());
  EXPECT_EQ(1, sigismember(&in_callback, SIGUSR1));
  EXPECT_EQ(1, sigismember(&in_callback, SIGTERM));
}

TEST_F(HangupMonitor, AForksChildHasNone) {
  Ends ends(sockets());
  Calls calls;
  hangup_monitor monitor = hangup_monitor::start(ends[0], [&] { calls(); }).value();
  Child child([&] { monitor.stop(); });
  EXPECT_EQ(0, child.wait());
  ends.close(1);
  EXPECT_TRUE(calls.came()) << "the parent's is not affected";
}

TEST_F(HangupMonitor, AnExceptionEndsTheProgram) {
  Ends ends(sockets());
  Child child([&] {
    const struct rlimit none = {0, 0};
    setrlimit(RLIMIT_CORE, &none);
    freopen("/dev/null", "w", stderr);
    hangup_monitor monitor = hangup_monitor::start(ends[0], [] { throw 1; }).value();
    ends.close(1);
    std::this_thread::sleep_for(kPatience);
  });
  ends.close(1);
  EXPECT_EQ(128 + SIGABRT, child.wait());
}

TEST_F(HangupMonitor, NoThreadAndNoQueueAreErrors) {
  Ends ends(sockets());
  Child child([&] {
    const struct rlimit none = {3, 3};
    setrlimit(RLIMIT_NOFILE, &none);
    EXPECT_TRUE(hangup_monitor::start(ends[0], [] {}).error() == unix_err(EMFILE));
  });
  EXPECT_EQ(0, child.wait());
}

}  // namespace
}  // namespace api
