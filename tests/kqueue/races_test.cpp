// SPDX-License-Identifier: Apache-2.0
// Queues that many threads use, that are closed under those who wait in them, and that a fork leaves behind.
// What is counted is decided by the rules, not by who is quicker. Run under the thread sanitizer and
// valgrind, too.
#include <poll.h>
#include <sys/wait.h>

#include <atomic>
#include <thread>

#include "kqueue/words.hpp"

namespace kqueue_tests {
namespace {

// kqueue check 7
TEST(Races, AClosedQueueLetsAllWaitersGo) {
  for (int round = 0; round < rounds(200); round++) {
    const int kq = new_queue();
    const Pipe pipe;
    ASSERT_EQ(0, apply(kq, static_cast<uint64_t>(pipe.reads()), EVFILT_READ, EV_ADD));
    std::atomic<int> ended{0};
    std::vector<std::thread> waiters;
    for (int i = 0; i < 3; i++)
      waiters.emplace_back([&] {
        struct kevent event;
        const struct timespec timeout = {60, 0};
        EXPECT_EQ(-1, kevent(kq, nullptr, 0, &event, 1, &timeout));
        EXPECT_EQ(EBADF, errno);
        ended++;
      });
    if (round % 2 == 0) std::this_thread::sleep_for(std::chrono::microseconds(200));
    EXPECT_EQ(0, close(kq));
    for (std::thread& waiter : waiters) waiter.join();
    EXPECT_EQ(3, ended);
  }
}

// Four trigger, two wait: EV_CLEAR merges, and loses none that comes after a delivery.
TEST(Races, ATriggerIsNeverLost) {
  const int kq = new_queue();
  constexpr int kIdents = 8;
  for (int i = 0; i < kIdents; i++)
    ASSERT_EQ(0, apply(kq, static_cast<uint64_t>(i), EVFILT_USER, EV_ADD | EV_CLEAR));
  std::atomic<int> given[kIdents] = {}, seen[kIdents] = {};
  std::atomic<bool> over{false};
  std::vector<std::thread> threads;
  for (int t = 0; t < 2; t++)
    threads.emplace_back([&] {
      while (!over) {
        for (const struct kevent& event : events(kq, 50, 3)) {
          // What was given before the event was taken has been seen.
          std::atomic<int>& mine = seen[event.ident];
          const int now = given[event.ident];
          for (int was = mine; was < now && !mine.compare_exchange_weak(was, now);) {
          }
        }
      }
    });
  std::vector<std::thread> givers;
  for (int t = 0; t < 4; t++)
    givers.emplace_back([&, t] {
      for (int i = 0; i < rounds(3000); i++) {
        const int ident = (i * 7 + t) % kIdents;
        given[ident]++;
        EXPECT_EQ(0, apply(kq, static_cast<uint64_t>(ident), EVFILT_USER, 0, NOTE_TRIGGER));
      }
    });
  for (std::thread& giver : givers) giver.join();
  for (int i = 0; i < kIdents; i++)
    for (int patience = 0; patience < 2000 && seen[i] != given[i]; patience++)
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
  over = true;
  for (std::thread& thread : threads) thread.join();
  for (int i = 0; i < kIdents; i++) EXPECT_EQ(given[i], seen[i]) << i;
  close(kq);
}

// Descriptors come and go, with and without EV_DELETE, while others wait and add.
TEST(Races, DescriptorsAreClosedUnderWaiters) {
  const int kq = new_queue();
  std::atomic<bool> over{false};
  std::vector<std::thread> waiters;
  for (int t = 0; t < 2; t++)
    waiters.emplace_back([&] {
      while (!over) events(kq, 1, 4);
    });
  std::vector<std::thread> workers;
  for (int t = 0; t < 3; t++)
    workers.emplace_back([&, t] {
      for (int i = 0; i < rounds(600); i++) {
        Pipe pipe;
        const auto fd = static_cast<uint64_t>(pipe.reads());
        EXPECT_EQ(0, apply(kq, fd, EVFILT_READ,
                           EV_ADD | (i % 3 == 0   ? EV_CLEAR
                                     : i % 3 == 1 ? EV_ONESHOT
                                                  : 0)));
        pipe.put();
        if ((i + t) % 2 == 0) {
          const int error = apply(kq, fd, EVFILT_READ, EV_DELETE);
          EXPECT_TRUE(error == 0 || (error == ENOENT && i % 3 == 1)) << error;
        }
        pipe.close_reader();
      }
    });
  for (std::thread& worker : workers) worker.join();
  over = true;
  for (std::thread& waiter : waiters) waiter.join();
  EXPECT_TRUE(events(kq, 0).empty());
  close(kq);
}

// Each port's messages are all received, by whoever is told; ports die while they are watched.
TEST(Races, PortsComeAndGo) {
  const int kq = new_queue();
  constexpr int kSenders = 3, kEach = 5;
  const int kPorts = rounds(60);
  std::atomic<int> received{0}, gone{0};
  std::atomic<bool> over{false};
  std::vector<std::thread> receivers;
  for (int t = 0; t < 2; t++)
    receivers.emplace_back([&] {
      while (!over)
        for (const struct kevent& event : events(kq, 20, 4)) {
          if ((event.flags & EV_EOF) != 0)
            gone++;
          else
            received += drain(static_cast<mach_port_t>(event.data));
        }
    });
  std::vector<std::thread> senders;
  for (int t = 0; t < kSenders; t++)
    senders.emplace_back([&] {
      for (int i = 0; i < kPorts; i++) {
        const mach_port_t port = new_port();
        EXPECT_EQ(0, apply(kq, port, EVFILT_MACHPORT, EV_ADD));
        for (int m = 0; m < kEach; m++) EXPECT_EQ(MACH_MSG_SUCCESS, send(port, m));
        mach_port_status_t status;
        mach_msg_type_number_t count = MACH_PORT_RECEIVE_STATUS_COUNT;
        do {
          std::this_thread::yield();
          ASSERT_EQ(KERN_SUCCESS,
                    mach_port_get_attributes(mach_task_self(), port, MACH_PORT_RECEIVE_STATUS,
                                             reinterpret_cast<mach_port_info_t>(&status), &count));
        } while (status.mps_msgcount != 0);
        destroy(port);
      }
    });
  for (std::thread& sender : senders) sender.join();
  for (int patience = 0; patience < 2000 && gone != kSenders * kPorts; patience++)
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  over = true;
  for (std::thread& receiver : receivers) receiver.join();
  EXPECT_EQ(kSenders * kPorts * kEach, received);
  EXPECT_EQ(kSenders * kPorts, gone) << "each port's end is told once";
  close(kq);
}

// A queue is closed with ports in it that others are sending to.
TEST(Races, AQueueIsClosedUnderSenders) {
  const mach_port_t port = new_port();
  std::atomic<bool> over{false};
  std::thread sends([&] {
    while (!over) {
      send(port);
      drain(port);
    }
  });
  for (int i = 0; i < rounds(150); i++) {
    const int kq = new_queue();
    EXPECT_EQ(0, apply(kq, port, EVFILT_MACHPORT, EV_ADD));
    if (i % 2 == 0) events(kq, 1);
    EXPECT_EQ(0, close(kq));
  }
  over = true;
  sends.join();
  destroy(port);
}

// Who waits for ports itself is woken for another queue's message, and its own queue is closed before it has
// looked.
TEST(Races, AWaiterThatIsLetGoLeavesNothingBehind) {
  const mach_port_t bait = new_port(), port = new_port();
  const int other = new_queue();
  ASSERT_EQ(0, apply(other, port, EVFILT_MACHPORT, EV_ADD));
  for (int i = 0; i < rounds(2000) && !HasFailure(); i++) {
    EXPECT_TRUE(events(other, 0).empty());
    const int kq = new_queue();
    ASSERT_EQ(0, apply(kq, bait, EVFILT_MACHPORT, EV_ADD));
    std::thread waits([&] {
      struct kevent event;
      const struct timespec timeout = {60, 0};
      EXPECT_EQ(-1, kevent(kq, nullptr, 0, &event, 1, &timeout));
    });
    if (i % 2 == 0) std::this_thread::sleep_for(std::chrono::microseconds(100));
    EXPECT_EQ(MACH_MSG_SUCCESS, send(port));
    EXPECT_EQ(0, close(kq));
    waits.join();
    // Not kevent, which looks for itself.
    struct pollfd ready = {other, POLLIN, 0};
    EXPECT_EQ(1, poll(&ready, 1, kPatience)) << i;
    EXPECT_EQ(1, drain(port));
  }
  close(other);
  destroy(bait);
  destroy(port);
}

// kqueue check 3, with threads at work in the parent: the child has no queue, and can make its own.
TEST(Races, AForkLeavesQueuesBehind) {
  const int kq = new_queue();
  const mach_port_t port = new_port();
  const Pipe pipe;
  ASSERT_EQ(0, apply(kq, port, EVFILT_MACHPORT, EV_ADD));
  ASSERT_EQ(0, apply(kq, static_cast<uint64_t>(pipe.reads()), EVFILT_READ, EV_ADD | EV_CLEAR));
  std::atomic<bool> over{false};
  std::thread waits([&] {
    while (!over)
      for (const struct kevent& event : events(kq, 20))
        if (event.filter == EVFILT_MACHPORT) drain(port);
  });
  std::thread works([&] {
    while (!over) {
      send(port);
      pipe.put();
      std::this_thread::sleep_for(std::chrono::microseconds(200));
    }
  });
  for (int i = 0; i < rounds(40); i++) {
    const pid_t child = fork();
    if (child == 0) {
      struct kevent event;
      const struct timespec now = {0, 0};
      if (kevent(kq, nullptr, 0, &event, 1, &now) != -1 || errno != EBADF) _exit(1);
      const int own = kqueue();
      mach_port_t mine = MACH_PORT_NULL;
      if (own < 0 || mach_port_allocate(mach_task_self(), MACH_PORT_RIGHT_RECEIVE, &mine) != KERN_SUCCESS)
        _exit(2);
      mach_port_insert_right(mach_task_self(), mine, mine, MACH_MSG_TYPE_MAKE_SEND);
      EV_SET(&event, mine, EVFILT_MACHPORT, EV_ADD, 0, 0, nullptr);
      if (kevent(own, &event, 1, nullptr, 0, nullptr) != 0) _exit(3);
      const struct timespec patience = {30, 0};
      if (send(mine) != MACH_MSG_SUCCESS || kevent(own, nullptr, 0, &event, 1, &patience) != 1) _exit(4);
      _exit(event.data == static_cast<intptr_t>(mine) ? 0 : 5);
    }
    int status = -1;
    ASSERT_EQ(child, waitpid(child, &status, 0));
    ASSERT_TRUE(WIFEXITED(status)) << status;
    ASSERT_EQ(0, WEXITSTATUS(status)) << i;
  }
  over = true;
  waits.join();
  works.join();
  close(kq);
  destroy(port);
}

}  // namespace
}  // namespace kqueue_tests
