// SPDX-License-Identifier: Apache-2.0
// Misuse that the compiler cannot see ends the program, and says what it was.
#include <optional>

#include "api/api.hpp"

namespace api {
namespace {

using give = message<900, none, send_right>;
using answered = message<901>;

// The statement runs in a child of fork, which has names of its own: everything is made there.
TEST(Misuse, UsingARightThatWasMovedAway) {
  EXPECT_DEATH(
      {
        receive_right port = receive_right::allocate().value();
        const receive_right other = std::move(port);
        static_cast<void>(port.make_send());
      },
      "misuse: a right is used that was moved away");
  EXPECT_DEATH(static_cast<void>(send_right().copy()), "misuse: a right is used that was moved away");
  EXPECT_DEATH(static_cast<void>(send(send_right(), empty{})), "misuse: a message is sent to a right");
  EXPECT_DEATH(static_cast<void>(receive<empty>(receive_right())), "misuse: receiving from a right");
  EXPECT_DEATH(static_cast<void>(receive<empty>(port_set())), "misuse: receiving from a right");
  EXPECT_DEATH(static_cast<void>(port_set::allocate()->add(receive_right())),
               "misuse: an empty receive right");
  EXPECT_DEATH(static_cast<void>(notify_no_senders(receive_right(), send_once_right())),
               "misuse: a notification");
}

TEST(Misuse, GivingARightAwayTwice) {
  EXPECT_DEATH(
      {
        const receive_right port = receive_right::allocate().value();
        send_right right = port.make_send().value();
        give first{std::move(right)};
        give second{std::move(right)};
        static_cast<void>(send(port, std::move(first)));
        static_cast<void>(send(port, std::move(second)));
      },
      "misuse: a message is sent with a right that was moved away");
  EXPECT_DEATH(
      {
        const receive_right port = receive_right::allocate().value();
        give once{port.make_send().value()};
        static_cast<void>(send(port, std::move(once)));
        static_cast<void>(send(port, std::move(once)));
      },
      "misuse: a message is sent with a right that was moved away");
  EXPECT_DEATH(
      {
        const send_right nothing;
        static_cast<void>(copy_of(nothing));
      },
      "misuse: a right is lent");
  EXPECT_DEATH(
      {
        const receive_right port = receive_right::allocate().value();
        give lent{make_send_of(port)};
        static_cast<void>(lent.part<0>());
      },
      "misuse: a part is taken from a message that it was only lent to");
}

TEST(Misuse, ReleasingANameBehindItsOwnersBack) {
  EXPECT_DEATH(
      {
        const receive_right port = receive_right::allocate().value();
        mach_port_mod_refs(mach_task_self(), port.get(), MACH_PORT_RIGHT_RECEIVE, -1);
      },
      "misuse: receive right .* is released, but is not there any more");
  EXPECT_DEATH(
      {
        const receive_right port = receive_right::allocate().value();
        const send_right first = port.make_send().value();
        const send_right second = send_right::adopt(first.get());
      },
      "misuse: send right .* is released, but is not there any more");
  EXPECT_DEATH(
      {
        const receive_right port = receive_right::allocate().value();
        send_right right = port.make_send().value();
        mach_port_deallocate(mach_task_self(), right.get());
        static_cast<void>(send(port, give{std::move(right)}));
      },
      "misuse: a message is sent with a right that is not this task's any more");
}

TEST(Misuse, ForgettingAReply) {
  EXPECT_DEATH(
      {
        const receive_right port = receive_right::allocate().value();
        const reply_to<answered> reply(port.make_send_once().value());
      },
      "misuse: a request was neither answered nor dropped");
  EXPECT_DEATH(
      {
        const receive_right port = receive_right::allocate().value();
        reply_to<answered> reply(port.make_send_once().value());
        reply = reply_to<answered>(port.make_send_once().value());
      },
      "misuse: a request was neither answered nor dropped");
}

TEST(Misuse, AnsweringTwice) {
  EXPECT_DEATH(
      {
        const receive_right port = receive_right::allocate().value();
        reply_to<answered> reply(port.make_send_once().value());
        static_cast<void>(reply.answer({}));
        static_cast<void>(reply.answer({}));
      },
      "misuse: a request is answered twice");
  EXPECT_DEATH(
      {
        const receive_right port = receive_right::allocate().value();
        reply_to<answered> reply(port.make_send_once().value());
        reply.drop();
        static_cast<void>(reply.answer({}));
      },
      "misuse: a request is answered twice, or after it was dropped");
}

TEST(Misuse, AskingAResultForWhatItHasNot) {
  EXPECT_DEATH(static_cast<void>(bootstrap::look_up("com.example.nobody").value()),
               "misuse_test.cpp:[0-9]+: bootstrap_look_up: 0x44e .*unknown service");
  EXPECT_DEATH(static_cast<void>(*bootstrap::look_up("com.example.nobody")), "bootstrap_look_up: 0x44e");
  EXPECT_DEATH(static_cast<void>(result<int>(1).error()), "misuse: error\\(\\) of a result that has a value");
}

TEST(Misuse, TwoHandlersForOneId) {
  EXPECT_DEATH(
      {
        service server;
        server.on([](const empty&) {});
        server.on([](const empty&) {});
      },
      "misuse: a service has two handlers for one message id");
}

}  // namespace
}  // namespace api
