// SPDX-License-Identifier: Apache-2.0
// Sources of run loops that watch something: times, descriptors, signals, processes, ports, services.
#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>

#include <array>
#include <atomic>
#include <memory>
#include <optional>
#include <vector>

#include "api/loops.hpp"

namespace api {
namespace {

// --- timers

TEST_F(Loops, ATimerGoesOffOnce) {
  int called = 0;
  const auto begun = std::chrono::steady_clock::now();
  const timer_source once = loop.after(20ms,
                                       [&] {
                                         called++;
                                         loop.stop();
                                       })
                                .value();
  ASSERT_TRUE(stopped());
  EXPECT_GE(std::chrono::steady_clock::now() - begun, 20ms);
  EXPECT_FALSE(loop.run_for(60ms).value());
  EXPECT_EQ(1, called);
}

TEST_F(Loops, ATimerRepeatsAndCountsWhatTheLoopMissed) {
  int64_t periods = 0;
  const timer_source ticks = loop.every(5ms,
                                        [&](int64_t passed) {
                                          periods += passed;
                                          if (periods >= 5) loop.stop();
                                        })
                                 .value();
  ASSERT_TRUE(stopped());
  std::this_thread::sleep_for(50ms);
  const int64_t before = periods;
  ASSERT_TRUE(stopped());
  EXPECT_GE(periods - before, 10) << "at one go";
}

TEST_F(Loops, ATimerAtAMomentOfTheWallClock) {
  bool called = false;
  timer_source then = loop.at(std::chrono::system_clock::now() + 20ms,
                              [&] {
                                called = true;
                                loop.stop();
                              })
                          .value();
  ASSERT_TRUE(stopped());
  EXPECT_TRUE(called);
  EXPECT_TRUE(then.restart(1ms).error() == KERN_INVALID_ARGUMENT);
}

TEST_F(Loops, ATimerBeginsAnew) {
  int called = 0;
  timer_source once = loop.after(0ms, [&] { called++; }).value();
  while (called == 0) ASSERT_TRUE(loop.run_once(kPatience));
  ASSERT_TRUE(once.restart(1ms));  // after it went off
  while (called == 1) ASSERT_TRUE(loop.run_once(kPatience));
  ASSERT_TRUE(once.restart(0ms));
  ASSERT_TRUE(once.restart(1h));  // what had expired is forgotten
  EXPECT_EQ(0, drained());
  EXPECT_EQ(2, called);
  EXPECT_TRUE(timer_source().restart(1ms).error() == KERN_INVALID_ARGUMENT);
}

TEST_F(Loops, ATimerBeginsAnewInItsHandler) {
  int called = 0;
  timer_source again;
  again = loop.after(1ms,
                     [&] {
                       if (++called == 3) return loop.stop();
                       EXPECT_TRUE(again.restart(1ms));
                     })
              .value();
  ASSERT_TRUE(stopped());
  EXPECT_EQ(3, called);
}

// --- descriptors

TEST_F(Loops, ADescriptorIsReadableUntilItIsRead) {
  Pair pair;
  std::vector<descriptor_event> told;
  const descriptor_source source =
      loop.readable(pair.fd[0], [&](const descriptor_event& event) { told.push_back(event); }).value();
  EXPECT_EQ(0, drained());
  pair.put("abc");
  for (int i = 0; i < 2; i++) ASSERT_TRUE(loop.run_once(kPatience).value());
  ASSERT_EQ(2u, told.size());
  EXPECT_EQ(pair.fd[0], told[0].fd);
  EXPECT_EQ(3, told[0].bytes);
  EXPECT_FALSE(told[0].eof);
  EXPECT_EQ("abc", pair.take());
  EXPECT_EQ(0, drained());
  pair.put("d");
  pair.hang_up();
  told.clear();
  ASSERT_TRUE(loop.run_once(kPatience).value());
  EXPECT_TRUE(told.at(0).eof);
  EXPECT_EQ(1, told.at(0).bytes);
  EXPECT_EQ(0, told.at(0).error);
}

TEST_F(Loops, ADescriptorRests) {
  Pair pair;
  int room = 0, bytes = 0;
  descriptor_source writable = loop.writable(pair.fd[0], [&] { room++; }).value();
  descriptor_source readable = loop.readable(pair.fd[0], [&] { bytes++; }).value();  // beside the other
  ASSERT_TRUE(loop.run_once(kPatience).value());
  EXPECT_EQ(1, room);
  ASSERT_TRUE(writable.pause());
  EXPECT_EQ(0, drained());
  pair.put("x");
  ASSERT_TRUE(loop.run_once(kPatience).value());
  EXPECT_EQ(1, bytes);
  ASSERT_TRUE(readable.pause());
  EXPECT_EQ(0, drained());
  ASSERT_TRUE(writable.resume());
  ASSERT_TRUE(loop.run_once(kPatience).value());
  EXPECT_EQ(2, room);
  EXPECT_TRUE(descriptor_source().pause().error() == KERN_INVALID_ARGUMENT);
}

TEST_F(Loops, TwoSourcesOfOneDescriptor) {
  Pair pair;
  int first = 0, second = 0;
  loop_source one = loop.readable(pair.fd[0], [&] { first++; }).value();
  const loop_source two = loop.readable(pair.fd[0], [&] { second++; }).value();
  pair.put("x");
  while (first == 0 || second == 0) ASSERT_TRUE(loop.run_once(kPatience).value());
  one.cancel();
  EXPECT_FALSE(one);
  const int before = first, until = second;
  while (second < until + 2) ASSERT_TRUE(loop.run_once(kPatience).value());
  EXPECT_EQ(before, first);
}

TEST_F(Loops, ADescriptorThatCannotBeWatched) {
  EXPECT_TRUE(loop.readable(-1, [] {}).error() == unix_err(EBADF));
  const int directory = open("/tmp", O_RDONLY);
  EXPECT_TRUE(loop.readable(directory, [] {}).error() == unix_err(EINVAL));
  close(directory);
}

// --- signals and processes

TEST_F(Loops, ASignal) {
  ::signal(SIGUSR1, SIG_IGN);
  int64_t times = 0;
  // One after the other: Linux merges those that wait for a thread.
  const loop_source source = loop.signal(SIGUSR1,
                                         [&](int64_t sent) {
                                           times += sent;
                                           if (times == 3) return loop.stop();
                                           kill(getpid(), SIGUSR1);
                                         })
                                 .value();
  kill(getpid(), SIGUSR1);
  EXPECT_TRUE(stopped());
  EXPECT_EQ(3, times);
  ::signal(SIGUSR1, SIG_DFL);
}

TEST_F(Loops, AProcessEnds) {
  Pair gate;
  const pid_t child = fork();
  if (child == 0) {
    char byte;
    _exit(read(gate.fd[0], &byte, 1) == 1 ? 7 : 99);
  }
  int status = -1;
  const loop_source source = loop.process_end(child,
                                              [&](int how) {
                                                status = how;
                                                loop.stop();
                                              })
                                 .value();
  EXPECT_EQ(0, drained());
  EXPECT_EQ(1, write(gate.fd[1], "x", 1));
  ASSERT_TRUE(stopped());
  EXPECT_TRUE(WIFEXITED(status));
  EXPECT_EQ(7, WEXITSTATUS(status));
  EXPECT_EQ(child, waitpid(child, nullptr, 0));
}

TEST_F(Loops, AProcessThatHasEndedAlready) {
  const pid_t child = fork();
  if (child == 0) {
    raise(SIGKILL);
    _exit(0);
  }
  siginfo_t ended;
  ASSERT_EQ(0, waitid(P_PID, static_cast<id_t>(child), &ended, WEXITED | WNOWAIT));
  int called = 0, status = -1;
  const loop_source source = loop.process_end(child,
                                              [&, held = std::make_unique<int>(1)](int how) {
                                                called += *held;
                                                status = how;
                                              })
                                 .value();
  EXPECT_EQ(1, drained());
  EXPECT_EQ(1, called);
  EXPECT_EQ(SIGKILL, WTERMSIG(status));
  EXPECT_EQ(child, waitpid(child, nullptr, 0));
  EXPECT_TRUE(loop.process_end(child, [] {}).error() == unix_err(ESRCH));
}

// --- ports

TEST_F(Loops, MessagesOfAPort) {
  const receive_right port = receive_right::allocate(64).value();
  std::vector<uint32_t> got;
  const loop_source source = loop.receive(port,
                                          [&](received_message& message) {
                                            EXPECT_EQ(plain::id, message.id());
                                            EXPECT_EQ(getpid(), message.from().pid());
                                            EXPECT_FALSE(message.wants_answer());
                                            got.push_back(message.take<plain>().value().payload.a);
                                            if (got.size() == 40) loop.stop();
                                          })
                                 .value();
  for (uint32_t i = 0; i < 20; i++) ASSERT_TRUE(send(port, plain{{i, 0}}));
  std::thread sender([&] {
    for (uint32_t i = 20; i < 40; i++) {
      ASSERT_TRUE(send(port, plain{{i, 0}}));
      if (i % 4 == 0) std::this_thread::sleep_for(1ms);
    }
  });
  EXPECT_TRUE(stopped());
  sender.join();
  for (uint32_t i = 0; i < 40; i++) EXPECT_EQ(i, got[i]);
}

// Sizes that no buffer was made for.
TEST_F(Loops, MessagesOfAnySize) {
  using large = message<900, std::array<uint32_t, 10000>>;
  const receive_right port = receive_right::allocate().value();
  int taken = 0;
  const loop_source source = loop.receive(port,
                                          [&](received_message& message) {
                                            if (message.id() == plain::id) {
                                              taken += message.take<plain>().has_value();
                                            } else {
                                              EXPECT_EQ(9999u, message.take<large>().value().payload[9999]);
                                              taken++;
                                            }
                                          })
                                 .value();
  std::array<uint32_t, 10000> words{};
  words[9999] = 9999;
  ASSERT_TRUE(send(port, plain{{1, 2}}));
  ASSERT_TRUE(send(port, large{words}));
  ASSERT_TRUE(send(port, plain{{1, 2}}));
  while (taken < 3) ASSERT_TRUE(loop.run_once(kPatience).value());
}

// What nobody takes is destroyed, and who waits for an answer hears of it.
TEST_F(Loops, MessagesThatNobodyTakes) {
  using bearer = message<901, none, send_right>;
  const receive_right port = receive_right::allocate().value();
  const receive_right other = receive_right::allocate().value();
  int seen = 0;
  const loop_source source = loop.receive(port,
                                          [&](received_message& message) {
                                            seen++;
                                            EXPECT_EQ(seen == 2, message.wants_answer());
                                            if (seen == 3) {
                                              EXPECT_TRUE(message.take<plain>().error() == MIG_BAD_ID);
                                              loop.stop();
                                            }
                                          })
                                 .value();
  ASSERT_TRUE(send(port, bearer{make_send_of(other)}));
  const receive_right replies = receive_right::allocate().value();
  ASSERT_TRUE(ask(port, empty{}, make_send_once_of(replies)));
  ASSERT_TRUE(send(port, bearer{make_send_of(other)}));
  ASSERT_TRUE(stopped());
  EXPECT_TRUE(receive<send_once_notification>(replies, kPatience));
}

TEST_F(Loops, RequestsAreAnsweredAndMembersOfASetHeard) {
  const port_set both = port_set::allocate().value();
  const receive_right left = receive_right::allocate().value(), right = receive_right::allocate().value();
  ASSERT_TRUE(both.add(left));
  ASSERT_TRUE(both.add(right));
  const loop_source source = loop.receive(both,
                                          [&](received_message& message) {
                                            auto asked = message.take_request<plain, empty>().value();
                                            if (asked.from.port() == left.get()) {
                                              EXPECT_TRUE(asked.reply.answer(empty{}));
                                            } else {
                                              EXPECT_TRUE(asked.reply.fail(KERN_DENIED));
                                            }
                                          })
                                 .value();
  std::thread client([&] {
    const send_right to_left = left.make_send().value(), to_right = right.make_send().value();
    EXPECT_TRUE(call<empty>(to_left, plain{{1, 1}}, kPatience));
    EXPECT_TRUE(call<empty>(to_right, plain{{1, 1}}, kPatience).error() == KERN_DENIED);
    loop.stop();
  });
  EXPECT_TRUE(stopped());
  client.join();
}

TEST_F(Loops, AReceiveRightGoes) {
  receive_right port = receive_right::allocate().value();
  int gone = 0;
  const loop_source source = loop.receive(
                                     port, [](received_message&) { FAIL(); },
                                     [&] {
                                       gone++;
                                       loop.stop();
                                     })
                                 .value();
  const loop_source other = loop.on_wake([&] { port.reset(); }).value();
  loop.perform([&] { port.reset(); });
  ASSERT_TRUE(stopped());
  EXPECT_EQ(0, drained());
  EXPECT_EQ(1, gone);
}

TEST_F(Loops, APortThatCannotBeWatched) {
  receive_right port = receive_right::allocate().value();
  const receive_right other = receive_right::adopt(port.release());
  const receive_right nobody = receive_right::adopt(0xdead03);
  EXPECT_TRUE(loop.receive(nobody, [](received_message&) {}).error() == unix_err(ENOENT));
  static_cast<void>(const_cast<receive_right&>(nobody).release());
}

// A message stays in the queue if its source goes before its turn.
TEST_F(Loops, ACancelledSourceLosesNoMessage) {
  const receive_right first = receive_right::allocate().value(), second = receive_right::allocate().value();
  std::array<loop_source, 2> sources;
  int handled = 0;
  const auto other_goes = [&](size_t other) {
    return [&, other](received_message& message) {
      message.drop();
      handled++;
      sources[other].cancel();
    };
  };
  sources[0] = loop.receive(first, other_goes(1)).value();
  sources[1] = loop.receive(second, other_goes(0)).value();
  for (int i = 0; i < 3; i++) {
    ASSERT_TRUE(send(first, empty{}));
    ASSERT_TRUE(send(second, empty{}));
  }
  while (handled < 3) ASSERT_TRUE(loop.run_once(kPatience).value());
  EXPECT_EQ(0, drained());
  EXPECT_EQ(3, handled);
  EXPECT_EQ(3u, first.status()->mps_msgcount + second.status()->mps_msgcount);
}

// --- services

TEST_F(Loops, AServiceIsServed) {
  receive_right port = receive_right::allocate().value();
  const send_right to = port.make_send().value();
  service adder(std::move(port));
  adder.on(
      [](const plain& numbers) { return message<800, uint32_t>{numbers.payload.a + numbers.payload.b}; });
  adder.on([&](const empty&) { adder.stop(); });
  int ended = 0;
  const loop_source source = loop.serve(adder,
                                        [&](const result<void>& how) {
                                          EXPECT_TRUE(how);
                                          ended++;
                                          loop.stop();
                                        })
                                 .value();
  std::thread client([&] {
    for (uint32_t i = 0; i < 100; i++) {
      EXPECT_EQ(i + 1, (call<message<800, uint32_t>>(to, plain{{i, 1}}, kPatience)->payload));
    }
    EXPECT_TRUE(send(to, empty{}));
  });
  EXPECT_TRUE(stopped());
  client.join();
  EXPECT_EQ(0, drained()) << "what a stopped service keeps in its queue wakes nobody";
  EXPECT_EQ(1, ended);
}

TEST_F(Loops, AServiceThatWasStoppedBefore) {
  service none;
  none.stop();
  const loop_source source = loop.serve(none, [&] { loop.stop(); }).value();
  EXPECT_TRUE(stopped());
}

}  // namespace
}  // namespace api
