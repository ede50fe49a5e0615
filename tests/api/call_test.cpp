// SPDX-License-Identifier: Apache-2.0
// Requests and replies, between processes.
#include <atomic>
#include <thread>

#include "api/api.hpp"

namespace api {
namespace {

class Calls : public Api {};

using square = message<500, uint32_t>;
using squared = message<600, uint32_t>;
using refusal = message<601, int>;
using make = message<501, uint32_t>;
using made = message<602, none, send_right, ool_memory>;

TEST_F(Calls, AServerAnswersAnotherProcess) {
  const std::string name = service_name();
  const receive_right port = bootstrap::check_in(name.c_str()).value();
  Child client([&] {
    const send_right server = bootstrap::look_up(name.c_str()).value();
    for (uint32_t i = 0; i < 100; i++) {
      const auto got = call<squared>(server, square{i}, kPatience);
      ASSERT_TRUE(got) << got.error().text();
      EXPECT_EQ(i * i, got->payload);
    }
  });
  for (int i = 0; i < 100; i++) {
    auto got = receive_request<square, squared>(port, kPatience);
    ASSERT_TRUE(got) << got.error().text();
    EXPECT_EQ(client.pid(), got->from.pid());
    EXPECT_TRUE(got->reply.answer({got->body.payload * got->body.payload}));
  }
  EXPECT_EQ(0, client.wait());
}

TEST_F(Calls, RightsAndMemoryGoBothWays) {
  const std::string name = service_name();
  Child server([&] {
    const receive_right port = bootstrap::check_in(name.c_str()).value();
    auto got = receive_request<make, made>(port, kPatience);
    ASSERT_TRUE(got);
    const receive_right own = receive_right::allocate().value();
    ool_memory memory = ool_memory::allocate(got->body.payload).value();
    memory.as<char>().back() = 'e';
    ASSERT_TRUE(got->reply.answer({make_send_of(own), std::move(memory)}));
    EXPECT_EQ(4u, receive<plain>(own, kPatience)->payload.b);
  });
  const send_right to = bootstrap::look_up(name.c_str(), kPatience).value();
  auto [nothing, right, memory] = call<made>(to, make{1 << 20}, kPatience).value();
  EXPECT_EQ(size_t{1} << 20, memory.size());
  EXPECT_EQ('e', memory.as<char>().back());
  EXPECT_TRUE(send(right, plain{{3, 4}}));
  EXPECT_EQ(0, server.wait());
}

TEST_F(Calls, OneOfSeveralReplies) {
  const receive_right port = receive_right::allocate().value();
  const send_right to = port.make_send().value();
  std::thread server([&] {
    for (int i = 0; i < 2; i++) {
      auto got = receive_request<square, squared, refusal>(port, kPatience);
      ASSERT_TRUE(got);
      if (got->body.payload > 100) {
        EXPECT_TRUE(got->reply.answer(refusal{-1}));
      } else {
        EXPECT_TRUE(got->reply.answer(squared{got->body.payload * got->body.payload}));
      }
    }
  });
  auto small = call<squared, refusal>(to, square{9}, kPatience).value();
  EXPECT_EQ(81u, std::get<squared>(small).payload);
  auto large = call<squared, refusal>(to, square{1000}, kPatience).value();
  EXPECT_EQ(-1, std::get<refusal>(large).payload);
  server.join();
}

TEST_F(Calls, AFailedRequestHasItsCode) {
  const receive_right port = receive_right::allocate().value();
  const send_right to = port.make_send().value();
  const receive_right replies = receive_right::allocate().value();
  std::thread server([&] {
    EXPECT_TRUE((receive_request<square, squared>(port, kPatience)->reply.fail(KERN_NO_ACCESS)));
    EXPECT_TRUE((receive_request<square, squared>(port, kPatience)->reply.fail(KERN_SUCCESS)));
    EXPECT_TRUE((receive_request<square, squared>(port, kPatience)->reply.fail(BOOTSTRAP_NO_MEMORY)));
  });
  EXPECT_EQ(KERN_NO_ACCESS, call<squared>(to, square{2}, kPatience).error().code());
  EXPECT_EQ(KERN_FAILURE, call<squared>(to, square{2}, kPatience).error().code());
  ASSERT_TRUE(ask(to, square{2}, make_send_once_of(replies)));
  auto got = receive<squared, failure>(replies, kPatience).value();
  EXPECT_EQ(BOOTSTRAP_NO_MEMORY, std::get<failure>(got).payload.code);
  server.join();
}

// Its ids are those of requests plus 100 (messages 11.2).
TEST_F(Calls, AMigServersErrorIsTheCalls) {
  const receive_right port = receive_right::allocate().value();
  const send_right to = port.make_send().value();
  using mig_error = message<600, std::array<int32_t, 3>>;  // NDR and code
  std::thread server([&] {
    EXPECT_TRUE(
        (receive_request<square, mig_error>(port, kPatience)->reply.answer({{{0, 1, MIG_BAD_ARGUMENTS}}})));
    EXPECT_TRUE(
        (receive_request<square, mig_error>(port, kPatience)->reply.answer({{{0, 1, MIG_BAD_ARGUMENTS}}})));
  });
  EXPECT_EQ(MIG_BAD_ARGUMENTS, call<squared>(to, square{2}, kPatience).error().code());
  EXPECT_EQ(MIG_BAD_ARGUMENTS,
            call<mig_error>(to, square{2}, kPatience)->payload[2]);  // asked for, this is a reply
  server.join();
}

TEST_F(Calls, ADroppedRequestTellsItsClient) {
  const receive_right port = receive_right::allocate().value();
  const send_right to = port.make_send().value();
  std::thread server([&] { receive_request<square, squared>(port, kPatience)->reply.drop(); });
  EXPECT_EQ(MIG_SERVER_DIED, call<squared>(to, square{2}, kPatience).error().code());
  server.join();
}

TEST_F(Calls, AServerThatDiesTellsItsClient) {
  const std::string name = service_name();
  Child server([&] {
    const receive_right port = bootstrap::check_in(name.c_str()).value();
    auto got = receive_request<square, squared>(port, kPatience);
    kill(getpid(), SIGKILL);
  });
  const send_right to = bootstrap::look_up(name.c_str(), kPatience).value();
  EXPECT_EQ(MIG_SERVER_DIED, call<squared>(to, square{2}, kPatience).error().code());
  EXPECT_EQ(128 + SIGKILL, server.wait());
  const auto again = call<squared>(to, square{2}, kPatience);
  ASSERT_FALSE(again);
  EXPECT_TRUE(again.error() == MACH_SEND_INVALID_DEST);
}

// The reply to a request that was given up must not be taken for that to the next.
TEST_F(Calls, ALateReplyIsNotMistaken) {
  const receive_right port = receive_right::allocate().value();
  const send_right to = port.make_send().value();
  const auto timed_out = call<squared>(to, square{2}, 5ms);
  ASSERT_FALSE(timed_out);
  EXPECT_TRUE(timed_out.error() == MACH_RCV_TIMED_OUT);
  auto late = receive_request<square, squared>(port, kPatience);
  ASSERT_TRUE(late);
  std::thread server([&] {
    static_cast<void>(late->reply.answer({4}));  // nobody is there any more
    EXPECT_TRUE((receive_request<square, squared>(port, kPatience)->reply.answer({9})));
  });
  EXPECT_EQ(9u, call<squared>(to, square{3}, kPatience)->payload);
  server.join();
}

TEST_F(Calls, AnotherReplyIsRefused) {
  const receive_right port = receive_right::allocate().value();
  const send_right to = port.make_send().value();
  const receive_right other = receive_right::allocate().value();
  std::thread server([&] {
    EXPECT_TRUE((receive_request<square, refusal>(port, kPatience)->reply.answer({1})));
    EXPECT_TRUE((receive_request<square, message<600, none, send_once_right>>(port, kPatience)
                     ->reply.answer({other.make_send_once().value()})));
    EXPECT_TRUE(
        (receive_request<square, message<600, std::array<char, 900>>>(port, kPatience)->reply.answer({{}})));
  });
  EXPECT_EQ(MIG_REPLY_MISMATCH, call<squared>(to, square{2}, kPatience).error().code());
  EXPECT_EQ(MIG_TYPE_ERROR, call<squared>(to, square{2}, kPatience).error().code());
  const auto large = call<squared>(to, square{2}, kPatience);
  EXPECT_TRUE(large.error() == MACH_RCV_TOO_LARGE);
  server.join();
  EXPECT_TRUE(receive<send_once_notification>(other, kPatience));
}

TEST_F(Calls, ARequestThatDoesNotGetInIsWholeAfterwards) {
  const receive_right port = receive_right::allocate(1).value();
  const send_right to = port.make_send().value();
  ASSERT_TRUE(send(to, empty{}));
  using give = message<502, none, receive_right>;
  give request{receive_right::allocate().value()};
  const Census before = census();
  const auto got = call<squared>(to, std::move(request), 1ms);
  ASSERT_FALSE(got);
  EXPECT_TRUE(got.error() == MACH_SEND_TIMED_OUT);
  EXPECT_TRUE(request.part<0>());
  EXPECT_TRUE(detail::reply_port::of_this_thread().name());
  EXPECT_EQ(before, census());
}

TEST_F(Calls, AClientThatWentNeedsNoAnswer) {
  const std::string name = service_name();
  const receive_right port = bootstrap::check_in(name.c_str()).value();
  Child client(
      [&] { static_cast<void>(call<squared>(bootstrap::look_up(name.c_str()).value(), square{1})); });
  auto got = receive_request<square, squared>(port, kPatience);
  ASSERT_TRUE(got);
  client.kill_hard();
  send_once_right right = got->reply.release();
  mach_port_type_t type = 0;
  while (mach_port_type(mach_task_self(), right.get(), &type) == KERN_SUCCESS &&
         type != MACH_PORT_TYPE_DEAD_NAME) {
    usleep(1000);  // its death takes a moment to be seen
  }
  reply_to<squared> reply(std::move(right));
  const result<void> answered = reply.answer({1});
  ASSERT_FALSE(answered);
  EXPECT_TRUE(answered.error() == MACH_SEND_INVALID_DEST);
}

// Without waiting: the answer comes where it was asked to.
TEST_F(Calls, AskingNowAndListeningLater) {
  const receive_right port = receive_right::allocate(2).value();
  const receive_right replies = receive_right::allocate().value();
  ASSERT_TRUE(ask(port, square{3}, make_send_once_of(replies)));
  ASSERT_TRUE(ask(port, square{4}, replies.make_send_once().value()));
  const Census before = census();
  const result<void> full = ask(port, square{5}, make_send_once_of(replies), 0s);
  ASSERT_FALSE(full);
  EXPECT_TRUE(full.error() == MACH_SEND_TIMED_OUT);
  EXPECT_EQ(before, census());
  EXPECT_TRUE(receive<send_once_notification>(replies, kPatience));  // the right that was made
  send_once_right kept = replies.make_send_once().value();
  EXPECT_FALSE(ask(port, square{5}, std::move(kept), 0s));
  EXPECT_TRUE(kept);
  kept.reset();
  EXPECT_TRUE(receive<send_once_notification>(replies, kPatience));
  for (int i = 0; i < 2; i++) {
    auto got = receive_request<square, squared>(port, kPatience);
    ASSERT_TRUE(got);
    EXPECT_TRUE(got->reply.answer({got->body.payload * got->body.payload}));
  }
  EXPECT_EQ(9u, receive<squared>(replies, kPatience)->payload);
  EXPECT_EQ(16u, receive<squared>(replies, kPatience)->payload);
}

// Each thread has a reply port of its own, which goes with it.
TEST_F(Calls, ManyThreadsCall) {
  const receive_right port = receive_right::allocate().value();
  const send_right to = port.make_send().value();
  constexpr uint32_t kThreads = 8;
  constexpr uint32_t kCalls = 200;
  std::thread server([&] {
    for (uint32_t i = 0; i < kThreads * kCalls; i++) {
      auto got = receive_request<square, squared>(port, kPatience);
      ASSERT_TRUE(got);
      EXPECT_TRUE(got->reply.answer({got->body.payload * got->body.payload}));
    }
  });
  std::vector<std::thread> clients;
  std::atomic<uint32_t> good{0};
  for (uint32_t t = 0; t < kThreads; t++) {
    clients.emplace_back([&, t] {
      for (uint32_t i = 0; i < kCalls; i++) {
        const auto got = call<squared>(to, square{t * 1000 + i}, kPatience);
        if (got && got->payload == (t * 1000 + i) * (t * 1000 + i)) good++;
      }
    });
  }
  for (std::thread& client : clients) client.join();
  server.join();
  EXPECT_EQ(kThreads * kCalls, good.load());
}

// The parent's reply port means nothing in a child.
TEST_F(Calls, AForkedChildCallsThroughAPortOfItsOwn) {
  const std::string name = service_name();
  const receive_right port = bootstrap::check_in(name.c_str()).value();
  std::thread server([&] {
    for (int i = 0; i < 2; i++)
      EXPECT_TRUE((receive_request<square, squared>(port, kPatience)->reply.answer({7})));
  });
  const send_right to = port.make_send().value();
  EXPECT_EQ(7u, call<squared>(to, square{0}, kPatience)->payload);
  Child child([&] {
    const send_right own = bootstrap::look_up(name.c_str()).value();
    const auto got = call<squared>(own, square{0}, kPatience);
    ASSERT_TRUE(got) << got.error().text();
    EXPECT_EQ(7u, got->payload);
  });
  EXPECT_EQ(0, child.wait());
  server.join();
}

TEST_F(Calls, BootstrapSaysWhatIsWrong) {
  const std::string name = service_name();
  EXPECT_EQ(BOOTSTRAP_UNKNOWN_SERVICE, bootstrap::look_up(name.c_str()).error().code());
  EXPECT_EQ(BOOTSTRAP_UNKNOWN_SERVICE, bootstrap::look_up(name.c_str(), 20ms).error().code());
  const receive_right port = bootstrap::check_in(name.c_str()).value();
  EXPECT_EQ(BOOTSTRAP_SERVICE_ACTIVE, bootstrap::check_in(name.c_str()).error().code());
}

TEST_F(Calls, SubsetsHideTheirNames) {
  const std::string name = service_name();
  receive_right requestor = receive_right::allocate().value();
  const send_right subset = bootstrap::subset(requestor.make_send().value()).value();
  const receive_right inside = bootstrap::check_in(name.c_str(), subset.get()).value();
  EXPECT_TRUE(bootstrap::look_up(name.c_str(), subset.get()));
  EXPECT_FALSE(bootstrap::look_up(name.c_str()));
  EXPECT_EQ(bootstrap_port, bootstrap::parent(subset.get())->get());
}

}  // namespace
}  // namespace api
