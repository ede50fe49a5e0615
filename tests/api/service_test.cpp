// SPDX-License-Identifier: Apache-2.0
// Services: handlers of all kinds, notifications, errors, threads, and the end.
#include <atomic>
#include <memory>
#include <set>
#include <thread>

#include "api/api.hpp"

namespace api {
namespace {

class Services : public Api {};

using add = message<700, numbers>;
using sum = message<800, uint32_t>;
using later = message<701>;
using session = message<702>;
using opened = message<802, none, send_right>;
using quit = message<703>;
using fail = message<704>;
using keep = message<705, none, send_right>;

// Runs it on some threads of its own until the end of the scope.
class Running {
 public:
  explicit Running(service& running, int threads = 1) : service_(running) {
    for (int i = 0; i < threads; i++) {
      threads_.emplace_back([this] {
        const result<void> ended = service_.run();
        EXPECT_TRUE(ended);
      });
    }
  }
  ~Running() {
    service_.stop();
    for (std::thread& thread : threads_) thread.join();
  }

 private:
  service& service_;
  std::vector<std::thread> threads_;
};

sum add_up(const add& numbers) { return {numbers.payload.a + numbers.payload.b}; }

TEST_F(Services, AHandlerReturnsTheReply) {
  receive_right port = receive_right::allocate().value();
  const send_right to = port.make_send().value();
  service adder(std::move(port));
  adder.on(add_up);
  const Running running(adder);
  EXPECT_EQ(5u, call<sum>(to, add{{2, 3}}, kPatience)->payload);
}

TEST_F(Services, HandlersOfEveryKind) {
  receive_right port = receive_right::allocate().value();
  const send_right to = port.make_send().value();
  const mach_port_t name = port.get();
  service all(std::move(port));
  std::atomic<int> plains{0};
  std::atomic<int> kept{0};
  all.on([&, owned = std::make_unique<int>(1)](const plain& message, const envelope& from) {
    if (from.port() == name && from.pid() == getpid()) plains += *owned + static_cast<int>(message.payload.a);
  });
  all.on([&](keep message) {
    const send_right right = std::move(message.part<0>());
    if (right) kept++;
  });
  all.on([](add& numbers, reply_to<sum> reply, const envelope&) -> result<void> {
    return reply.answer(add_up(numbers));
  });
  all.on([](fail&) -> result<sum> { return error(KERN_FAILURE, "on purpose"); });
  all.on([](empty&) -> result<void> { return error(KERN_NOT_SUPPORTED, "on purpose, too"); });
  all.on([](session&, const envelope&) -> result<sum> { return sum{3}; });
  std::atomic<int> errors{0};
  all.on_error([&](const error& failed, const envelope&) {
    if (failed == KERN_FAILURE || failed == KERN_NOT_SUPPORTED) errors++;
  });
  const Running running(all);
  ASSERT_TRUE(send(to, plain{{4, 0}}));
  ASSERT_TRUE(send(to, keep{copy_of(to)}));
  EXPECT_EQ(5u, call<sum>(to, add{{2, 3}}, kPatience)->payload);
  EXPECT_EQ(KERN_FAILURE, call<sum>(to, fail{}, kPatience).error().code());
  ASSERT_TRUE(send(to, empty{}));
  EXPECT_EQ(3u, call<sum>(to, session{}, kPatience)->payload);
  EXPECT_EQ(5, plains.load());
  EXPECT_EQ(1, kept.load());
  EXPECT_EQ(2, errors.load());
}

TEST_F(Services, AReplyMayComeLaterFromElsewhere) {
  receive_right port = receive_right::allocate().value();
  const send_right to = port.make_send().value();
  service slow(std::move(port));
  std::thread worker;
  slow.on([&](later&, reply_to<sum> reply) {
    worker = std::thread([reply = std::move(reply)]() mutable { EXPECT_TRUE(reply.answer({11})); });
  });
  {
    const Running running(slow);
    EXPECT_EQ(11u, call<sum>(to, later{}, kPatience)->payload);
  }
  worker.join();
}

TEST_F(Services, WhatItDoesNotKnowIsRefused) {
  receive_right port = receive_right::allocate().value();
  const send_right to = port.make_send().value();
  service adder(std::move(port));
  adder.on(add_up);
  std::multiset<kern_return_t> seen;
  adder.on_error([&](const error& failed, const envelope&) { seen.insert(failed.code()); });
  {
    const Running running(adder);
    EXPECT_EQ(MIG_SERVER_DIED, call<sum>(to, later{}, kPatience).error().code());
    EXPECT_EQ(MIG_SERVER_DIED,
              (call<sum>(to, message<700, std::array<int, 200>>{{}}, kPatience).error().code()));
    EXPECT_EQ(MIG_SERVER_DIED, (call<sum>(to, message<700, int>{1}, kPatience).error().code()));
    ASSERT_TRUE(send(to, add{{1, 2}}));  // wants no answer
    EXPECT_EQ(3u, call<sum>(to, add{{1, 2}}, kPatience)->payload);
  }
  EXPECT_EQ((std::multiset<kern_return_t>{MIG_BAD_ID, MACH_RCV_TOO_LARGE, MIG_TYPE_ERROR, MIG_TYPE_ERROR}),
            seen);
}

// Ids of notifications are just ids when they come from anybody else.
TEST_F(Services, NotificationsCannotBeForged) {
  receive_right port = receive_right::allocate().value();
  const send_right to = port.make_send().value();
  service watcher(std::move(port));
  std::atomic<int> called{0};
  std::atomic<int> refused{0};
  watcher.on_no_senders([&](mach_port_t) { called++; });
  watcher.on_dead_name([&](const dead_name&) { called++; });
  watcher.on_error([&](const error&, const envelope&) { refused++; });
  watcher.on(add_up);
  const Running running(watcher);
  ASSERT_TRUE(send(to, no_senders_notification{{}}));
  ASSERT_TRUE(send(to, dead_name_notification{{{}, to.get()}}));
  EXPECT_EQ(3u, call<sum>(to, add{{1, 2}}, kPatience)->payload);
  EXPECT_EQ(0, called.load());
  EXPECT_EQ(2, refused.load());
}

// The second watch takes the first one's place, whose right tells the port; that is no error.
TEST_F(Services, WatchingTwiceIsQuiet) {
  receive_right port = receive_right::allocate().value();
  send_right to = port.make_send().value();
  service server;
  int errors = 0;
  int gone = 0;
  server.on_error([&](const error&, const envelope&) { errors++; });
  server.on_no_senders([&](mach_port_t) { gone++; });
  const mach_port_t name = server.add(std::move(port)).value();
  ASSERT_TRUE(server.watch_senders(name));
  ASSERT_TRUE(server.watch_senders(name));
  to.reset();
  while (gone == 0) ASSERT_TRUE(server.run_once(kPatience).value());
  EXPECT_EQ(0, errors);
}

// The usual server: a port for each client, dropped when the client is gone.
TEST_F(Services, SessionsEndWithTheirClients) {
  const std::string name = service_name();
  service server(bootstrap::check_in(name.c_str()).value());
  std::atomic<int> open{0};
  std::atomic<int> closed{0};
  server.on([&](session&) -> result<opened> {
    receive_right port = receive_right::allocate().value();
    send_right right = port.make_send().value();
    const result<mach_port_t> added = server.add(std::move(port));
    if (!added) return added.error();
    const result<void> watched = server.watch_senders(*added);
    if (!watched) return watched.error();
    open++;
    return opened{std::move(right)};
  });
  server.on(add_up);
  server.on_no_senders([&](mach_port_t port) {
    EXPECT_TRUE(server.remove(port));
    if (++closed == 3) server.stop();
  });
  std::vector<std::unique_ptr<Child>> clients;
  for (int i = 0; i < 3; i++) {
    clients.push_back(std::make_unique<Child>([&] {
      const send_right to = bootstrap::look_up(name.c_str()).value();
      const send_right channel = std::move(call<opened>(to, session{}, kPatience)->part<0>());
      EXPECT_EQ(9u, call<sum>(channel, add{{4, 5}}, kPatience)->payload);
    }));
  }
  EXPECT_TRUE(server.run());
  for (auto& client : clients) EXPECT_EQ(0, client->wait());
  EXPECT_EQ(3, open.load());
  EXPECT_EQ(KERN_INVALID_NAME, server.remove(MACH_PORT_DEAD).error().code());
}

TEST_F(Services, DeathsAndReceiveRightsThatComeHome) {
  const std::string name = service_name();
  Child other([&] {
    const receive_right port = bootstrap::check_in(name.c_str()).value();
    static_cast<void>(receive<empty>(port, kPatience));
  });
  const send_right right = bootstrap::look_up(name.c_str(), kPatience).value();
  service watcher;
  int deaths = 0;
  receive_right home;
  watcher.on_dead_name([&](dead_name dead) {
    EXPECT_EQ(right.get(), dead.get());
    deaths++;
  });
  watcher.on_port_destroyed([&](receive_right port) { home = std::move(port); });
  ASSERT_TRUE(watcher.watch_death(right));
  ASSERT_TRUE(
      watcher.watch_death(right));  // takes the first one's place; its right tells, and is not an error
  int errors = 0;
  watcher.on_error([&](const error&, const envelope&) { errors++; });
  ASSERT_TRUE(watcher.run_once(kPatience).value());
  ASSERT_TRUE(send(right, empty{}));
  while (deaths == 0) ASSERT_TRUE(watcher.run_once(kPatience).value());
  EXPECT_EQ(0, other.wait());

  receive_right lost = receive_right::allocate().value();
  const send_right to_lost = lost.make_send().value();
  ASSERT_TRUE(watcher.watch_receiver(lost));
  lost.reset();
  while (!home) ASSERT_TRUE(watcher.run_once(kPatience).value());
  EXPECT_EQ(to_lost.get(), home.get());
  EXPECT_EQ(0, errors);
}

TEST_F(Services, PortsThatStayTheCallersMayGoAtAnyTime) {
  service server;
  server.on(add_up);
  receive_right port = receive_right::allocate().value();
  ASSERT_TRUE(server.serve(port));
  EXPECT_EQ(KERN_ALREADY_IN_SET, server.serve(port).error().code());
  const Running running(server);
  EXPECT_EQ(3u, call<sum>(port.make_send().value(), add{{1, 2}}, kPatience)->payload);
  port.reset();
  receive_right next = receive_right::allocate().value();
  ASSERT_TRUE(server.serve(next));
  EXPECT_EQ(3u, call<sum>(next.make_send().value(), add{{1, 2}}, kPatience)->payload);
}

TEST_F(Services, StopsFromWithinAndForGood) {
  receive_right port = receive_right::allocate().value();
  const send_right to = port.make_send().value();
  service server(std::move(port));
  std::atomic<int> handled{0};
  server.on([&](quit&) {
    handled++;
    server.stop();
  });
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; i++) threads.emplace_back([&] { EXPECT_TRUE(server.run()); });
  ASSERT_TRUE(send(to, quit{}));
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(1, handled.load());
  ASSERT_TRUE(send(to, quit{}));
  EXPECT_TRUE(server.run());
  server.stop();
  EXPECT_EQ(1, handled.load());
}

TEST_F(Services, ManyThreadsServeManyClients) {
  const std::string name = service_name();
  service server(bootstrap::check_in(name.c_str()).value());
  server.on(add_up);
  const Running running(server, 4);
  std::vector<std::unique_ptr<Child>> clients;
  for (uint32_t c = 0; c < 4; c++) {
    clients.push_back(std::make_unique<Child>([&, c] {
      const send_right to = bootstrap::look_up(name.c_str()).value();
      for (uint32_t i = 0; i < 200; i++) {
        const auto got = call<sum>(to, add{{c, i}}, kPatience);
        ASSERT_TRUE(got) << got.error().text();
        ASSERT_EQ(c + i, got->payload);
      }
    }));
  }
  for (auto& client : clients) EXPECT_EQ(0, client->wait());
}

TEST_F(Services, RunOnceSaysWhetherAnythingCame) {
  receive_right port = receive_right::allocate().value();
  const send_right to = port.make_send().value();
  service server(std::move(port));
  int handled = 0;
  server.on([&](const plain&) { handled++; });
  EXPECT_FALSE(server.run_once(0s).value());
  ASSERT_TRUE(send(to, plain{{}}));
  EXPECT_TRUE(server.run_once(kPatience).value());
  EXPECT_EQ(1, handled);
}

// A handler that throws drops its request on the way out.
TEST_F(Services, ExceptionsPassThrough) {
  receive_right port = receive_right::allocate().value();
  const send_right to = port.make_send().value();
  service server(std::move(port));
  server.on([](later&, reply_to<sum>) { throw 7; });
  std::thread client([&] { EXPECT_EQ(MIG_SERVER_DIED, call<sum>(to, later{}, kPatience).error().code()); });
  EXPECT_THROW(static_cast<void>(server.run()), int);
  client.join();
}

}  // namespace
}  // namespace api
