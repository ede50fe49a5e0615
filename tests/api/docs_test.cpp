// SPDX-License-Identifier: Apache-2.0
// The examples of docs/api.md, compiled as they stand there (doc_examples.sh) and run.
#include <sys/socket.h>

#include <array>
#include <atomic>
#include <cstdio>
#include <string>
#include <thread>
#include <variant>

#include "api/api.hpp"

namespace api::docs {

#include "api_examples.inc"

namespace {

class Docs : public Api {};

TEST_F(Docs, Echo) {
  const std::string name = service_name();
  service echo(bootstrap::check_in(name.c_str()).value());
  std::thread server([&] { EXPECT_TRUE(serve_echo(echo)); });
  EXPECT_STREQ("hello", ask_echo(name.c_str())->text);
  EXPECT_EQ(100u, ask_many(bootstrap::look_up(name.c_str()).value(), 100));
  echo.stop();
  server.join();
}

TEST_F(Docs, APortAndAMegabyte) {
  const receive_right port = receive_right::allocate().value();
  const send_right to = port.make_send().value();
  std::thread server([&] { publisher(port); });
  subscriber(to);
  server.join();
}

TEST_F(Docs, Results) {
  receive_right port = receive_right::allocate().value();
  const send_right to = port.make_send().value();
  report(to);
  EXPECT_TRUE(receive<say>(port, kPatience));
  port.reset();
  report(to);
  EXPECT_EQ(0u, queue_length(service_name().c_str()));
}

TEST_F(Docs, Rights) {
  rights();
  const receive_right port = receive_right::allocate().value();
  const send_right right = out_of_c(into_c(port.make_send().value()));
  EXPECT_EQ(port.get(), right.get());
  EXPECT_NE(0u, thread_number());
  const receive_right other = receive_right::allocate().value();
  ASSERT_TRUE(send(right, say{{"x"}}));
  EXPECT_EQ(port.get(), from_either(other, port));
}

TEST_F(Docs, Parts) {
  const receive_right port = receive_right::allocate(1).value();
  parts(port);
  ool_memory memory = squares(100).value();
  EXPECT_EQ(99u * 99, memory.as<uint64_t>()[99]);
  EXPECT_TRUE(try_to_hand_over(port.make_send().value(), memory));
  memory = text("abc").value();
  EXPECT_FALSE(try_to_hand_over(port.make_send().value(), memory));
  EXPECT_EQ(3u, memory.size());
  EXPECT_EQ(800u, (receive<message<1004, none, ool_memory>>(port, kPatience)->part<0>().size()));
  ASSERT_TRUE(send(port, say{{"either"}}));
  either_of_two(port);
}

TEST_F(Docs, Requests) {
  const receive_right port = receive_right::allocate().value();
  const send_right to = port.make_send().value();
  std::thread server([&] {
    for (int i = 0; i < 3; i++) answer_one(port);
  });
  EXPECT_EQ(4, divided(to, 12, 3).value());
  EXPECT_EQ(2, divided(to, 12, 5).value());
  EXPECT_EQ(KERN_INVALID_ARGUMENT, divided(to, 12, 0).error().code());
  server.join();
}

TEST_F(Docs, Services) {
  receive_right port = receive_right::allocate().value();
  const send_right to = port.make_send().value();
  service both(std::move(port));
  division_service(both);
  sessions(both);
  std::thread server([&] { EXPECT_TRUE(both.run()); });
  EXPECT_EQ(5, call<quotient>(to, divide{{{10, 2}}}, kPatience)->payload);
  EXPECT_EQ(KERN_INVALID_ARGUMENT, call<quotient>(to, divide{{{10, 0}}}, kPatience).error().code());
  send_right channel = std::move(call<connected>(to, connect{}, kPatience)->part<0>());
  EXPECT_EQ(5, call<quotient>(channel, divide{{{10, 2}}}, kPatience)->payload);
  const auto went = [&] { return channel.is_dead(); };
  const send_right watched = channel.copy().value();
  EXPECT_FALSE(went());
  ASSERT_TRUE(send(to, message<1006>{}));
  server.join();
}

TEST_F(Docs, Notifications) {
  receive_right port = receive_right::allocate().value();
  const send_right to = port.make_send().value();
  EXPECT_TRUE(outlives(to, 1ms));
  port.reset();
  EXPECT_FALSE(outlives(to, kPatience));
}

TEST_F(Docs, RunLoops) {
  receive_right port = receive_right::allocate().value();
  const send_right to = port.make_send().value();
  service echo(std::move(port));
  echo.on([](say& request) { return said{request.payload}; });
  int control[2];
  ASSERT_EQ(0, pipe(control));
  run_loop loop;
  std::thread client([&] {
    EXPECT_STREQ("x", call<said>(to, say{{"x"}}, kPatience)->payload.text);
    close(control[1]);
  });
  serve_until_told(loop, echo, control[0]);
  client.join();
  close(control[0]);
  EXPECT_EQ(42, computed_elsewhere(loop));

  const receive_right listener = receive_right::allocate().value();
  const auto listening = listen(loop, listener);
  ASSERT_TRUE(send(listener, quit_loop{}));
  std::thread asker([&] {
    EXPECT_STREQ("y", call<said>(listener.make_send().value(), say{{"y"}}, kPatience)->payload.text);
    loop.stop();
  });
  EXPECT_TRUE(loop.run());
  asker.join();
}

TEST_F(Docs, MessagePorts) {
  const std::string name = service_name();
  run_loop loop;
  const auto local = greeter(loop, name.c_str());
  std::thread client([&] {
    EXPECT_EQ("Hello, world", greeting(name.c_str()));
    loop.stop();
  });
  EXPECT_TRUE(loop.run());
  client.join();
}

TEST_F(Docs, HangUps) {
  int ends[2];
  ASSERT_EQ(0, socketpair(AF_UNIX, SOCK_STREAM, 0, ends));
  ASSERT_EQ(1, write(ends[1], "x", 1));
  close(ends[1]);
  std::atomic<bool> interrupted{false};
  EXPECT_TRUE(answers_or_leaves(ends[0], interrupted));
  close(ends[0]);
  interrupted = false;
  EXPECT_FALSE(answers_or_leaves(-1, interrupted));
}

TEST_F(Docs, Namespaces) {
  const receive_right requestor = receive_right::allocate().value();
  EXPECT_TRUE(private_service(requestor.make_send().value(), service_name().c_str()));
}

}  // namespace
}  // namespace api::docs
