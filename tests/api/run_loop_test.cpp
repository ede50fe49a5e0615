// SPDX-License-Identifier: Apache-2.0
// Run loops: each kind of source; sources that end each other; other threads; loops in loops; exceptions.
#include <fcntl.h>
#include <poll.h>

#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include <array>
#include <atomic>
#include <future>
#include <memory>
#include <optional>
#include <stdexcept>
#include <thread>
#include <vector>

#include "api/api.hpp"

namespace api {
namespace {

// A loop that gives up before the test does.
class Loops : public Api {
 protected:
  // Until somebody stops it; false if nobody did in time.
  [[nodiscard]] bool stopped() {
    const result<bool> ran = loop.run_for(kPatience);
    return ran && *ran;
  }
  // Whatever there is to do now.
  int drained() {
    int turns = 0;
    while (loop.run_once(0ms).value()) turns++;
    return turns;
  }

  run_loop loop;
};

class Pair {
 public:
  explicit Pair(bool of_pipe = false) {
    EXPECT_EQ(0, of_pipe ? pipe(fd) : socketpair(AF_UNIX, SOCK_STREAM, 0, fd));
  }
  ~Pair() {
    for (const int end : fd)
      if (end >= 0) close(end);
  }
  Pair(const Pair&) = delete;
  Pair& operator=(const Pair&) = delete;
  void put(const char* text) {
    EXPECT_EQ(static_cast<ssize_t>(strlen(text)), write(fd[1], text, strlen(text)));
  }
  std::string take() {
    char bytes[100];
    const ssize_t count = read(fd[0], bytes, sizeof bytes);
    return std::string(bytes, count > 0 ? static_cast<size_t>(count) : 0);
  }
  void hang_up() {
    close(fd[1]);
    fd[1] = -1;
  }

  int fd[2] = {-1, -1};
};

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

// --- users, tasks, idleness

TEST_F(Loops, WakingIsOnceForAll) {
  int woken = 0;
  user_source source = loop.on_wake([&] { woken++; }).value();
  const loop_waker waker = source.waker();
  for (int i = 0; i < 5; i++) waker.wake();
  EXPECT_EQ(1, drained());
  EXPECT_EQ(1, woken);
  std::thread([waker] { waker.wake(); }).join();
  EXPECT_EQ(1, drained());
  source.cancel();
  waker.wake();  // nobody
  EXPECT_EQ(0, drained());
  EXPECT_EQ(2, woken);
}

TEST_F(Loops, AWakerOutlivesItsLoop) {
  std::optional<loop_waker> waker;
  user_source source;
  {
    run_loop other;
    source = other.on_wake([] {}).value();
    waker = source.waker();
  }
  waker->wake();
  source.cancel();
}

// No wake-up is lost, whoever is faster.
TEST_F(Loops, ThousandsOfWakeUps) {
  constexpr int kThreads = 4, kEach = 2500;
  std::atomic<int> done{0};
  int performed = 0;
  std::array<int, kThreads> last{};
  const user_source source = loop.on_wake([] {}).value();
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; t++) {
    threads.emplace_back([&, t, waker = source.waker()] {
      for (int i = 1; i <= kEach; i++) {
        loop.perform([&, t, i] {
          EXPECT_EQ(last[static_cast<size_t>(t)] + 1, i) << "in the order of each thread";
          last[static_cast<size_t>(t)] = i;
          if (++performed == kThreads * kEach) loop.stop();
        });
        if (i % 16 == 0) waker.wake();
        if (i % 64 == 0) std::this_thread::sleep_for(100us);
      }
      done++;
    });
  }
  EXPECT_TRUE(stopped());
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(kThreads * kEach, performed);
}

// Each ping waits for its pong: a single lost wake-up ends it.
TEST_F(Loops, TwoLoopsWakeEachOther) {
  run_loop other;
  int left = 3000;
  std::function<void()> ping = [&] {
    if (left == 0) {
      other.stop();
      return loop.stop();
    }
    other.perform([&] {
      left--;
      loop.perform([&] { ping(); });
    });
  };
  std::thread thread([&] { EXPECT_TRUE(other.run_for(kPatience).value()); });
  loop.perform([&] { ping(); });
  EXPECT_TRUE(stopped());
  other.stop();
  thread.join();
  EXPECT_EQ(0, left);
}

// A task that asks for the next one does not keep others from their turn.
TEST_F(Loops, TasksTakeTurns) {
  bool ticked = false;
  const timer_source timer = loop.after(5ms,
                                        [&] {
                                          ticked = true;
                                          loop.stop();
                                        })
                                 .value();
  std::function<void()> again = [&] {
    if (!ticked) loop.perform([&] { again(); });
  };
  again();
  EXPECT_TRUE(stopped());
  EXPECT_TRUE(ticked);
}

TEST_F(Loops, IdleComesBeforeWaiting) {
  int idle = 0;
  std::string order;
  const loop_source source = loop.idle([&] {
                                   order += 'i';
                                   if (++idle == 2) loop.stop();
                                 })
                                 .value();
  const timer_source timer = loop.after(10ms, [&] { order += 't'; }).value();
  loop.perform([&] { order += 'p'; });
  ASSERT_TRUE(stopped());
  EXPECT_EQ("piti", order);
}

// --- the end of sources and loops

// Of many that are ready at once, the first that is told ends all others and itself.
TEST_F(Loops, NobodyIsCalledAfterHisSourceHasGone) {
  for (int round = 0; round < 20; round++) {
    std::vector<std::unique_ptr<Pair>> pairs;
    std::vector<loop_source> sources(10);
    int called = 0;
    for (loop_source& source : sources) {
      pairs.push_back(std::make_unique<Pair>());
      pairs.back()->put("x");
      source = loop.readable(pairs.back()->fd[0],
                             [&, held = std::make_shared<int>(1)] {
                               for (loop_source& each : sources) each.cancel();
                               called += *held;  // what the handler holds lives until it returns
                             })
                   .value();
    }
    while (drained() != 0) {
    }
    EXPECT_EQ(1, called);
  }
}

TEST_F(Loops, NewSourcesInHandlers) {
  Pair pair;
  pair.put("x");
  std::vector<loop_source> sources;
  int called = 0;
  std::function<void()> more = [&] {
    if (++called < 5)
      sources.push_back(loop.after(0ms, [&] { more(); }).value());
    else
      loop.stop();
  };
  sources.push_back(loop.after(0ms, [&] { more(); }).value());
  EXPECT_TRUE(stopped());
  EXPECT_EQ(5, called);
}

TEST_F(Loops, ALoopsEndDestroysHandlersAndTheSourcesThatTheyHold) {
  auto alive = std::make_shared<int>(0);
  const std::weak_ptr<int> watched = alive;
  loop_source outlives;
  {
    run_loop other;
    auto holder = std::make_shared<loop_source>();
    *holder = other.after(1h, [holder, alive] {}).value();  // a cycle
    outlives = other.idle([alive] {}).value();
    other.perform([alive] { FAIL(); });
    alive.reset();
    EXPECT_FALSE(watched.expired());
  }
  EXPECT_TRUE(watched.expired());
}

TEST_F(Loops, AStopBeforeTheRunEndsTheNextOne) {
  loop.stop();
  EXPECT_TRUE(loop.run());
  EXPECT_FALSE(loop.run_for(1ms).value());
  std::thread stopper([&] { loop.stop(); });
  EXPECT_TRUE(loop.run());
  stopper.join();
  loop.stop();
  EXPECT_FALSE(loop.run_once().value());
  EXPECT_FALSE(loop.run_once(1ms).value());
}

// What has happened and was not told stays for the next run.
TEST_F(Loops, AStopLeavesTheRestOfTheBatch) {
  int called = 0;
  std::vector<timer_source> timers;
  for (int i = 0; i < 5; i++)
    timers.push_back(loop.after(0ms,
                                [&] {
                                  called++;
                                  loop.stop();
                                })
                         .value());
  for (int i = 1; i <= 5; i++) {
    EXPECT_TRUE(stopped());
    EXPECT_EQ(i, called);
  }
}

TEST_F(Loops, AnExceptionPassesThroughRunAndLosesNothing) {
  int called = 0;
  std::vector<timer_source> timers;
  for (int i = 0; i < 3; i++)
    timers.push_back(loop.after(0ms,
                                [&] {
                                  called++;
                                  throw std::runtime_error("on purpose");
                                })
                         .value());
  for (int i = 0; i < 2; i++)
    loop.perform([&] {
      called++;
      throw std::runtime_error("on purpose");
    });
  for (int i = 1; i <= 5; i++) {
    EXPECT_THROW(static_cast<void>(loop.run()), std::runtime_error);
    EXPECT_EQ(i, called);
  }
  loop.stop();
  EXPECT_TRUE(loop.run());
}

TEST_F(Loops, ALoopInALoopAndInPoll) {
  run_loop inner;
  int ticks = 0;
  const timer_source timer = inner.after(5ms, [&] { ticks++; }).value();
  inner.perform([&] { ticks++; });
  const loop_source nested = loop.readable(inner.descriptor(),
                                           [&] {
                                             while (inner.run_once(0ms).value()) {
                                             }
                                             if (ticks == 2) loop.stop();
                                           })
                                 .value();
  EXPECT_TRUE(stopped());
  struct pollfd entry = {inner.descriptor(), POLLIN, 0};
  EXPECT_EQ(0, poll(&entry, 1, 0));
  inner.perform([&] { ticks++; });
  EXPECT_EQ(1, poll(&entry, 1, 0));
  EXPECT_TRUE(inner.run_once(0ms).value());
  EXPECT_EQ(0, poll(&entry, 1, 0));
  EXPECT_EQ(3, ticks);
}

TEST_F(Loops, ALoopWhoseQueueIsClosedSaysSo) {
  run_loop broken;
  const loop_source source = broken.on_wake([] {}).value();
  close(broken.descriptor());
  EXPECT_TRUE(broken.run().error() == unix_err(EBADF));
  EXPECT_TRUE(broken.after(1ms, [] {}).error() == unix_err(EBADF));
  broken.perform([] {});
}

TEST_F(Loops, AForksChildLeavesTheLoopAlone) {
  Pair pair;
  int called = 0;
  auto mine = std::make_unique<run_loop>();
  loop_source source = mine->readable(pair.fd[0], [&] { called++; }).value();
  Child child([&] {
    const int same = dup2(pair.fd[1], mine->descriptor());  // the number is free here
    EXPECT_TRUE(mine->run().error() == unix_err(EBADF));
    source.cancel();
    mine.reset();
    EXPECT_GE(fcntl(same, F_GETFD), 0);
  });
  EXPECT_EQ(0, child.wait());
  pair.put("x");
  EXPECT_TRUE(mine->run_once(kPatience).value());
  EXPECT_EQ(1, called);
}

// --- misuse

using LoopsDeathTest = Loops;

TEST_F(LoopsDeathTest, WhatEndsTheProgram) {
  GTEST_FLAG_SET(death_test_style, "fast");
  EXPECT_DEATH(
      {
        run_loop mine;  // a fork's child does not have the parent's
        mine.perform([&] { static_cast<void>(mine.run_once(0ms)); });
        static_cast<void>(mine.run_once(0ms));
      },
      "in a handler of its own");
  EXPECT_DEATH(
      {
        run_loop mine;
        mine.perform([&] { std::thread([&] { static_cast<void>(mine.after(1ms, [] {})); }).join(); });
        static_cast<void>(mine.run_once(0ms));
      },
      "by another thread");
  EXPECT_DEATH(static_cast<void>(user_source().waker()), "never was");
  EXPECT_DEATH(static_cast<void>(loop.receive(receive_right(), [](received_message&) {})), "never was");
}

}  // namespace
}  // namespace api
