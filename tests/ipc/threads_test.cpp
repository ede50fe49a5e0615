// SPDX-License-Identifier: Apache-2.0
// Blocking and waking, with real threads: each drives a kernel thread of its own.
#include <gtest/gtest.h>
#include <mach/notify.h>

#include <thread>

#include "support/domain.hpp"

namespace portolan::test {
namespace {

constexpr mach_msg_timeout_t kLong = 10'000;

class Threads : public testing::Test {
 protected:
  TestDomain domain;
  TestTask& a = domain.task();
  TestTask& b = domain.task();
};

// messages check 52, blocking on both sides
TEST_F(Threads, RequestsAndReplies) {
  const mach_port_name_t n = a.allocate(), r = b.allocate();
  const mach_port_name_t s = a.give_send(n, b);
  constexpr int kRounds = 2000;
  std::thread server([&] {
    for (int i = 0; i < kRounds; i++) {
      TestTask::Received request = a.receive(n, MACH_RCV_TIMEOUT, kLong);
      ASSERT_EQ(MACH_MSG_SUCCESS, request.code);
      ASSERT_EQ(MACH_MSG_SUCCESS, a.send(request.header().msgh_remote_port, MACH_MSG_TYPE_MOVE_SEND_ONCE,
                                         request.header().msgh_id + 100));
    }
  });
  for (int i = 0; i < kRounds; i++) {
    ASSERT_EQ(MACH_MSG_SUCCESS, b.send(s, MACH_MSG_TYPE_COPY_SEND, i, r, MACH_MSG_TYPE_MAKE_SEND_ONCE,
                                       MACH_SEND_TIMEOUT, kLong));
    TestTask::Received reply = b.receive(r, MACH_RCV_TIMEOUT, kLong);
    ASSERT_EQ(MACH_MSG_SUCCESS, reply.code);
    ASSERT_EQ(i + 100, reply.header().msgh_id);
  }
  server.join();
}

// messages checks 43, 48: blocked senders go on one by one, and each sender's messages stay in order
TEST_F(Threads, ManySendersKeepTheirOrder) {
  const mach_port_name_t n = a.allocate();
  constexpr int kSenders = 4, kEach = 500;
  std::vector<TestTask*> tasks;
  std::vector<mach_port_name_t> names;
  for (int i = 0; i < kSenders; i++) {
    tasks.push_back(&domain.task());
    names.push_back(a.give_send(n, *tasks.back()));
  }
  std::vector<std::thread> threads;
  for (int i = 0; i < kSenders; i++) {
    threads.emplace_back([&, i] {
      for (int k = 0; k < kEach; k++)
        ASSERT_EQ(MACH_MSG_SUCCESS,
                  tasks[static_cast<size_t>(i)]->send(names[static_cast<size_t>(i)], MACH_MSG_TYPE_COPY_SEND,
                                                      i * 10000 + k, 0, 0, MACH_SEND_TIMEOUT, kLong));
    });
  }
  int next[kSenders] = {};
  for (int i = 0; i < kSenders * kEach; i++) {
    TestTask::Received got = a.receive(n, MACH_RCV_TIMEOUT, kLong);
    ASSERT_EQ(MACH_MSG_SUCCESS, got.code);
    const int sender = got.header().msgh_id / 10000;
    ASSERT_EQ(next[sender]++, got.header().msgh_id % 10000);
  }
  for (std::thread& thread : threads) thread.join();
}

// messages check 63
TEST_F(Threads, AReceiverIsToldThatItsPortIsGone) {
  const mach_port_name_t n = a.allocate();
  TestTask& waiter = domain.thread_of(a);
  mach_msg_return_t code = 0;
  std::thread thread([&] { code = waiter.receive(n, MACH_RCV_TIMEOUT, kLong).code; });
  while (waiter.thread().frame().state != ipc::kWaitPort) std::this_thread::yield();
  EXPECT_EQ(KERN_SUCCESS, a.destroy(n));
  thread.join();
  EXPECT_EQ(MACH_RCV_PORT_CHANGED, code);
  domain.end_thread(waiter);
}

// messages check 44
TEST_F(Threads, ABlockedSenderSucceedsWhenThePortDies) {
  const mach_port_name_t n = a.allocate(), r = b.allocate();
  const mach_port_name_t s = a.give_send(n, b);
  for (int i = 0; i < 5; i++) ASSERT_EQ(MACH_MSG_SUCCESS, b.send(s, MACH_MSG_TYPE_COPY_SEND, i));
  mach_msg_return_t code = 1;
  std::thread thread([&] {
    code = b.send(s, MACH_MSG_TYPE_COPY_SEND, 6, r, MACH_MSG_TYPE_MAKE_SEND_ONCE, MACH_SEND_TIMEOUT, kLong);
  });
  while (b.thread().frame().state != ipc::kWaitSend) std::this_thread::yield();
  EXPECT_EQ(KERN_SUCCESS, a.destroy(n));
  thread.join();
  EXPECT_EQ(MACH_MSG_SUCCESS, code);
  EXPECT_EQ(1u, b.count(r, MACH_NOTIFY_SEND_ONCE));
}

// messages checks 59, 62, 64: a set serves whoever waits on it
TEST_F(Threads, ManyReceiversShareASet) {
  const mach_port_name_t set = a.allocate(MACH_PORT_RIGHT_PORT_SET);
  constexpr int kPorts = 3, kReceivers = 3, kEach = 300;
  std::vector<mach_port_name_t> names;
  for (int i = 0; i < kPorts; i++) {
    const mach_port_name_t n = a.allocate();
    ASSERT_EQ(KERN_SUCCESS, ipc::port_insert_member(a.thread(), a.space(), ipc::Name{n}, ipc::Name{set}));
    names.push_back(a.give_send(n, b));
  }
  std::atomic<int> received{0};
  std::vector<std::thread> threads;
  std::vector<TestTask*> receivers;
  for (int i = 0; i < kReceivers; i++) receivers.push_back(&domain.thread_of(a));
  for (TestTask* receiver : receivers) {
    threads.emplace_back([&, receiver] {
      while (received.load() < kPorts * kEach) {
        if (receiver->receive(set, MACH_RCV_TIMEOUT, 20).code == MACH_MSG_SUCCESS) received++;
      }
    });
  }
  for (int k = 0; k < kEach; k++)
    for (const mach_port_name_t name : names)
      ASSERT_EQ(MACH_MSG_SUCCESS, b.send(name, MACH_MSG_TYPE_COPY_SEND, k, 0, 0, MACH_SEND_TIMEOUT, kLong));
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(kPorts * kEach, received.load());
  for (TestTask* receiver : receivers) domain.end_thread(*receiver);
}

// Several threads allocate, send to themselves, and drop at once: zones, spaces and depots under contention.
TEST_F(Threads, EverythingAtOnce) {
  std::vector<std::thread> threads;
  std::vector<TestTask*> tasks;
  for (int i = 0; i < 4; i++) tasks.push_back(i % 2 == 0 ? &domain.task() : &domain.thread_of(*tasks.back()));
  for (TestTask* task : tasks) {
    threads.emplace_back([task] {
      for (int i = 0; i < 300; i++) {
        const mach_port_name_t n = task->port_with_send();
        ASSERT_EQ(MACH_MSG_SUCCESS,
                  task->send(n, MACH_MSG_TYPE_COPY_SEND, 1, n, MACH_MSG_TYPE_MAKE_SEND_ONCE));
        ASSERT_EQ(MACH_MSG_SUCCESS, task->send(n, MACH_MSG_TYPE_COPY_SEND, 2));
        TestTask::Received got = task->receive(n);
        ASSERT_EQ(MACH_MSG_SUCCESS, got.code);
        ASSERT_EQ(KERN_SUCCESS, task->deallocate(got.header().msgh_remote_port));
        ASSERT_EQ(KERN_SUCCESS, task->destroy(n));
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  for (size_t i = 1; i < tasks.size(); i += 2) domain.end_thread(*tasks[i]);
}

}  // namespace
}  // namespace portolan::test
