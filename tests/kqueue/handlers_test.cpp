// SPDX-License-Identifier: Apache-2.0
// Signals at any moment of a call on a queue, and what their handlers do: use the queue, jump away, close it.
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <sys/wait.h>

#include <atomic>
#include <functional>
#include <thread>

#include "kqueue/words.hpp"

namespace kqueue_tests {
namespace {

int g_queue;
std::atomic<int> g_handled;

class Handlers : public testing::Test {
 protected:
  void SetUp() override {
#if defined(__SANITIZE_THREAD__)
    GTEST_SKIP() << "the thread sanitizer keeps signals back as long as a thread makes no call of libc's";
#endif
    ASSERT_EQ(0, sigaction(SIGUSR1, nullptr, &before_));
  }
  void TearDown() override {
    if (!IsSkipped()) sigaction(SIGUSR1, &before_, nullptr);
  }
  void handle_by(void (*handler)(int)) {
    struct sigaction action {};
    action.sa_handler = handler;
    ASSERT_EQ(0, sigaction(SIGUSR1, &action, nullptr));
  }
  // Another thread does this again and again, and is sent so many signals meanwhile; each is handled.
  void interrupt(int times, const std::function<void()>& what) {
    std::atomic<bool> over{false};
    std::thread works([&] {
      while (!over) what();
    });
    for (int i = 0; i < times; i++) {
      const int done = g_handled;
      ASSERT_EQ(0, pthread_kill(works.native_handle(), SIGUSR1));
      for (int patience = 0; patience < 10'000 && g_handled == done; patience++)
        std::this_thread::sleep_for(std::chrono::microseconds(patience < 100 ? 10 : 1000));
      ASSERT_LT(done, g_handled) << "the handler hangs";
    }
    over = true;
    works.join();
  }

 private:
  struct sigaction before_;
};

// A handler that uses the queue, which has a port in it.
class HandlersThatUseTheQueue : public Handlers {
 protected:
  void SetUp() override {
    Handlers::SetUp();
    if (IsSkipped()) return;
    g_queue = new_queue();
    ASSERT_EQ(0, apply(g_queue, port, EVFILT_MACHPORT, EV_ADD));
    ASSERT_EQ(0, apply(g_queue, 1, EVFILT_USER, EV_ADD | EV_CLEAR));
    handle_by([](int) {
      struct kevent trigger;
      EV_SET(&trigger, 1, EVFILT_USER, 0, NOTE_TRIGGER, 0, nullptr);
      if (kevent(g_queue, &trigger, 1, nullptr, 0, nullptr) == 0) g_handled++;
    });
  }
  void TearDown() override {
    Handlers::TearDown();
    if (!IsSkipped()) close(g_queue);
    destroy(port);
  }

  const mach_port_t port = new_port();
};

TEST_F(HandlersThatUseTheQueue, InTheMiddleOfACallOnIt) {
  interrupt(rounds(2000), [&] {
    send(port);
    events(g_queue, 0);
    drain(port);
  });
}

TEST_F(HandlersThatUseTheQueue, InTheMiddleOfAFork) {
  interrupt(rounds(1000), [] {
    const pid_t child = fork();
    if (child == 0) {
      sigset_t blocked;
      pthread_sigmask(SIG_SETMASK, nullptr, &blocked);
      _exit(sigismember(&blocked, SIGUSR1) == 0 && kqueue() >= 0 ? 0 : 1);
    }
    int status = -1;
    while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
    }
    EXPECT_EQ(0, status);
  });
}

sigjmp_buf g_out;
std::atomic<bool> g_may_jump;
void jump_out(int) {
  if (g_may_jump.exchange(false)) siglongjmp(g_out, 1);
}

// A handler jumps out of kevent at any moment of its wait. Nothing of the wait is left in the queue.
TEST_F(Handlers, JumpOutOfAWait) {
  handle_by(jump_out);
  const mach_port_t port = new_port(), elsewhere = new_port();
  const int other = new_queue();
  const Pipe pipe;
  ASSERT_EQ(0, apply(other, elsewhere, EVFILT_MACHPORT, EV_ADD));
  for (int i = 0; i < rounds(120) && !testing::Test::HasFailure(); i++) {
    EXPECT_TRUE(events(other, 0).empty());
    const int kq = new_queue();
    ASSERT_EQ(0, apply(kq, port, EVFILT_MACHPORT, EV_ADD));
    ASSERT_EQ(0, apply(kq, 1, EVFILT_USER, EV_ADD | EV_CLEAR));
    if (i % 3 == 0) {
      ASSERT_EQ(0, apply(kq, static_cast<uint64_t>(pipe.reads()), EVFILT_READ, EV_ADD));
    }
    std::atomic<int> stage{0};
    std::thread jumps([&] {
      if (sigsetjmp(g_out, 1) == 0) {
        g_may_jump = true;
        stage = 1;
        for (;;) {
          struct kevent event;
          kevent(kq, nullptr, 0, &event, 1, nullptr);
        }
      }
      stage = 2;
      while (stage != 3) std::this_thread::sleep_for(std::chrono::microseconds(50));
    });
    while (stage != 1) std::this_thread::yield();
    std::this_thread::sleep_for(std::chrono::microseconds(i % 4 * 40));
    if (i % 2 == 0) send(elsewhere);
    EXPECT_EQ(0, pthread_kill(jumps.native_handle(), SIGUSR1));
    while (stage != 2) std::this_thread::sleep_for(std::chrono::microseconds(20));
    EXPECT_EQ(0, apply(kq, 1, EVFILT_USER, 0, NOTE_TRIGGER));
    EXPECT_EQ(1u, events(kq).size());
    EXPECT_EQ(0, close(kq));
    stage = 3;
    jumps.join();
    if (i % 2 != 0) continue;
    struct pollfd ready = {other, POLLIN, 0};
    EXPECT_EQ(1, poll(&ready, 1, kPatience)) << i;
    EXPECT_EQ(1, drain(elsewhere));
  }
  close(other);
  destroy(port);
  destroy(elsewhere);
}

void close_the_queue(int) { close(g_queue); }

// A handler closes the queue that it interrupts: kevent has ended by then.
TEST_F(Handlers, CloseTheQueueThatTheyInterrupt) {
  handle_by(close_the_queue);
  const mach_port_t port = new_port();
  const Pipe pipe;
  for (int i = 0; i < rounds(200); i++) {
    g_queue = new_queue();
    ASSERT_EQ(0, apply(g_queue, port, EVFILT_MACHPORT, EV_ADD));
    if (i % 2 == 0) {
      ASSERT_EQ(0, apply(g_queue, static_cast<uint64_t>(pipe.reads()), EVFILT_READ, EV_ADD));
    }
    std::atomic<bool> begins{false};
    std::thread waits([&] {
      struct kevent event;
      begins = true;
      EXPECT_EQ(-1, kevent(g_queue, nullptr, 0, &event, 1, nullptr));
      EXPECT_TRUE(errno == EINTR || errno == EBADF) << errno;
    });
    while (!begins) std::this_thread::yield();
    std::this_thread::sleep_for(std::chrono::microseconds(i % 5 * 40));
    EXPECT_EQ(0, pthread_kill(waits.native_handle(), SIGUSR1));
    waits.join();
  }
  destroy(port);
}

}  // namespace
}  // namespace kqueue_tests
