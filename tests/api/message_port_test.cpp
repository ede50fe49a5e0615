// SPDX-License-Identifier: Apache-2.0
// Ports in run loops that become invalid, deaths that are watched, and message ports by name: among objects
// of one process, and with others that die.
#include <algorithm>
#include <atomic>
#include <memory>
#include <numeric>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "api/loops.hpp"

namespace api {
namespace {

using MessagePorts = Loops;

receive_right new_port() { return receive_right::allocate().value(); }

// --- mach_port_source

TEST_F(MessagePorts, ASourceOwnsItsPort) {
  receive_right port = new_port();
  const send_right to = port.make_send().value();
  int got = 0, invalid = 0;
  {
    mach_port_source source =
        mach_port_source::make(
            loop, std::move(port), [&](received_message&) { got++; }, [&] { invalid++; })
            .value();
    EXPECT_FALSE(port);
    EXPECT_TRUE(source.is_valid());
    EXPECT_EQ(to.get(), source.name());
    ASSERT_TRUE(send(source.make_send().value(), empty{}));
    drained();
    EXPECT_EQ(1, got);
  }
  EXPECT_TRUE(to.is_dead());
  EXPECT_EQ(0, invalid) << "its destructor calls nobody";
}

TEST_F(MessagePorts, ASourceIsMadeInvalid) {
  int invalid = 0;
  std::optional<mach_port_source> source = mach_port_source::make(
                                               loop, new_port(), [](received_message&) { FAIL(); },
                                               [&] {
                                                 invalid++;
                                                 source.reset();  // it may go with its port
                                               })
                                               .value();
  const send_right to = source->make_send().value();
  ASSERT_TRUE(send(to, empty{}));
  source->invalidate();
  EXPECT_FALSE(source);
  EXPECT_TRUE(to.is_dead());
  EXPECT_EQ(0, drained());
  EXPECT_EQ(1, invalid);
}

TEST_F(MessagePorts, ASourceLosesItsPort) {
  int invalid = 0;
  mach_port_source source = mach_port_source::make(
                                loop, new_port(), [](received_message&) { FAIL(); },
                                [&] {
                                  invalid++;
                                  loop.stop();
                                })
                                .value();
  ASSERT_EQ(KERN_SUCCESS, mach_port_mod_refs(mach_task_self(), source.name(), MACH_PORT_RIGHT_RECEIVE, -1));
  ASSERT_TRUE(stopped());
  EXPECT_FALSE(source.is_valid());
  EXPECT_EQ(MACH_PORT_NULL, source.name());
  EXPECT_TRUE(source.make_send().error() == KERN_INVALID_RIGHT);
  source.invalidate();
  EXPECT_EQ(1, invalid);
  EXPECT_FALSE(source.release());
}

TEST_F(MessagePorts, ASourceGivesItsPortBack) {
  mach_port_source source = mach_port_source::make(
                                loop, new_port(), [](received_message&) { FAIL(); }, [] { FAIL(); })
                                .value();
  const send_right to = source.make_send().value();
  ASSERT_TRUE(send(to, empty{}));
  const receive_right port = source.release();
  EXPECT_FALSE(source.is_valid());
  EXPECT_EQ(0, drained());
  EXPECT_TRUE(receive<empty>(port, 0ms));
}

// --- deaths

TEST_F(MessagePorts, ADeathIsTold) {
  receive_right port = new_port();
  const send_right to = port.make_send().value();
  int told = 0;
  const death_source source = death_source::watch(loop, to, [&] {
                                told++;
                                loop.stop();
                              }).value();
  EXPECT_EQ(0, drained());
  port.reset();
  ASSERT_TRUE(stopped());
  drained();
  EXPECT_EQ(1, told);
  int again = 0;  // dead already
  const death_source late = death_source::watch(loop, to, [&] {
                              again++;
                              loop.stop();
                            }).value();
  ASSERT_TRUE(stopped());
  EXPECT_EQ(1, again);
}

// One name, many who care, in several loops; some have gone before.
TEST_F(MessagePorts, OneDeathIsToldToAll) {
  receive_right port = new_port();
  const send_right to = port.make_send().value();
  run_loop other;
  std::atomic<int> told{0};
  std::vector<death_source> sources;
  for (int i = 0; i < 6; i++)
    sources.push_back(death_source::watch(i % 2 == 0 ? loop : other, to, [&] {
                        if (++told == 4) {
                          loop.stop();
                          other.stop();
                        }
                      }).value());
  sources.erase(sources.begin());  // the one that asked the kernel
  sources.pop_back();
  std::thread thread([&] { EXPECT_TRUE(other.run_for(kPatience).value()); });
  port.reset();
  EXPECT_TRUE(stopped());
  thread.join();
  EXPECT_EQ(4, told);
}

TEST_F(MessagePorts, ACancelledWatchLeavesNothing) {
  for (const bool dead_before : {false, true}) {
    receive_right port = new_port();
    const send_right to = port.make_send().value();
    death_source source = death_source::watch(loop, to, [] { FAIL(); }).value();
    if (dead_before) port.reset();
    source.cancel();
    EXPECT_FALSE(source);
    port.reset();
    EXPECT_EQ(0, drained());
  }
}

TEST_F(MessagePorts, ARightThatIsGivenUpUnderItsWatchIsForgotten) {
  const receive_right port = new_port();
  send_right to = port.make_send().value();
  const send_right elsewhere = new_port().make_send().value();  // keeps the shared port
  const death_source source = death_source::watch(loop, to, [] { FAIL(); }).value();
  to.reset();
  drained();
  receive_right second = new_port();
  send_right again = second.make_send().value();
  int told = 0;
  const death_source other = death_source::watch(loop, again, [&] {
                               told++;
                               loop.stop();
                             }).value();
  second.reset();
  ASSERT_TRUE(stopped());
  EXPECT_EQ(1, told);
}

// --- message ports

std::string of_bytes(const std::optional<port_data>& data) {
  return data ? std::string(data->text()) : "nothing";
}

// A local port and its loop in a thread of their own.
class Server {
 public:
  template <class F>
  explicit Server(F callback) {
    receive_right port = receive_right::allocate().value();
    to = port.make_send().value();
    thread_ = std::thread([this, port = std::move(port), callback]() mutable {
      const local_message_port local = local_message_port::make(loop, std::move(port), callback).value();
      EXPECT_TRUE(loop.run_for(kPatience).value());
      EXPECT_TRUE(local.is_valid());
    });
  }
  ~Server() { end(); }
  void end() {
    loop.stop();
    if (thread_.joinable()) thread_.join();
  }
  remote_message_port remote() const { return remote_message_port(to.copy().value()); }

  run_loop loop;
  send_right to;

 private:
  std::thread thread_;
};

TEST_F(MessagePorts, RequestsOfEverySize) {
  Server server([](int32_t id, const port_data& data) {
    std::string back(data.text());
    std::reverse(back.begin(), back.end());
    return std::to_string(id) + back;
  });
  remote_message_port remote = server.remote();
  EXPECT_TRUE(remote.is_valid());
  for (const size_t size :
       {size_t{0}, size_t{1}, size_t{495}, size_t{496}, size_t{497}, size_t{4096}, size_t{3} << 20}) {
    std::string text(size, 'x');
    if (size > 0) text[0] = 'a';
    std::string wanted = "-7" + std::string(text.rbegin(), text.rend());
    const auto reply = remote.request(-7, text, kPatience, kPatience);
    ASSERT_TRUE(reply) << reply.error().text();
    EXPECT_EQ(wanted.size(), (*reply)->size());
    EXPECT_TRUE(wanted == (*reply)->text());
  }
}

TEST_F(MessagePorts, CallbacksOfEveryKind) {
  Server by_optional([](int32_t id, const port_data&) -> std::optional<std::vector<uint16_t>> {
    if (id == 0) return std::nullopt;
    return std::vector<uint16_t>{0x6261, 0x6463};
  });
  Server by_void([](int32_t, const port_data&) {});
  Server by_literal([](int32_t, const port_data&) { return "literal"; });
  EXPECT_EQ("nothing", of_bytes(by_optional.remote().request(0, "").value()));
  EXPECT_EQ("abcd", of_bytes(by_optional.remote().request(1, "").value()));
  EXPECT_EQ("nothing", of_bytes(by_void.remote().request(1, "").value()));
  EXPECT_EQ("literal", of_bytes(by_literal.remote().request(1, "").value()));
}

TEST_F(MessagePorts, WithoutAReply) {
  std::string heard;
  local_message_port local =
      local_message_port::make(loop, new_port(), [&](int32_t id, const port_data& data) {
        heard += std::to_string(id) + ":" + std::string(data.text()) + ";";
        return std::string("nobody waits for this");
      }).value();
  remote_message_port remote(local.make_send().value());
  ASSERT_TRUE(remote.send(1, "one"));
  ASSERT_TRUE(remote.send(2, std::string(1000, 'x')));
  ASSERT_TRUE(remote.send(3, std::vector<char>{'a', 'b'}));
  drained();
  EXPECT_EQ("1:one;2:" + std::string(1000, 'x') + ";3:ab;", heard);
}

// What is sent by others than message ports is refused, and nothing of it stays.
TEST_F(MessagePorts, OtherMessagesAreRefused) {
  int called = 0;
  local_message_port local =
      local_message_port::make(loop, new_port(), [&](int32_t, const port_data&) { called++; }).value();
  const send_right to = local.make_send().value();
  const receive_right other = new_port();
  ASSERT_TRUE(send(to, message<902, none, send_right>{make_send_of(other)}));
  ASSERT_TRUE(send(to, message<detail::small_request::id, none, send_right>{make_send_of(other)}));
  detail::small_data lies = {};
  lies.size = 1u << 31;
  ASSERT_TRUE(send(to, detail::small_request{lies}));
  drained();
  EXPECT_EQ(1, called) << "a size that cannot be is cut";
}

TEST_F(MessagePorts, KindsOfFailure) {
  // The queue is full.
  receive_right port = receive_right::allocate(1).value();
  remote_message_port remote(port.make_send().value());
  const std::string large(5000, 'x');
  ASSERT_TRUE(remote.send(1, large));
  EXPECT_EQ(port_failure::send_timeout, kind_of(remote.send(1, large, 1ms).error()));
  EXPECT_EQ(port_failure::send_timeout, kind_of(remote.request(1, large, 1ms, 1ms).error()));
  // Nobody answers.
  ASSERT_TRUE(port.set_queue_limit(5));
  EXPECT_EQ(port_failure::receive_timeout, kind_of(remote.request(1, "x", kPatience, 1ms).error()));
  // The port dies with the request in its queue.
  std::thread death([&] {
    while (port.status()->mps_msgcount < 3) std::this_thread::sleep_for(1ms);
    port.reset();
  });
  EXPECT_EQ(port_failure::became_invalid, kind_of(remote.request(1, "x").error()));
  death.join();
  EXPECT_FALSE(remote.is_valid());
  EXPECT_EQ(port_failure::is_invalid, kind_of(remote.request(1, "x").error()));
  EXPECT_EQ(port_failure::is_invalid, kind_of(remote.send(1, "x").error()));
  ASSERT_TRUE(remote.watch(loop, [&] { loop.stop(); }));  // that it is dead is told
  EXPECT_TRUE(stopped());
  EXPECT_EQ(port_failure::transport, kind_of(error(MIG_TYPE_ERROR, "")));
}

// A reply that comes too late is not that to the next request.
TEST_F(MessagePorts, LateReplies) {
  std::atomic<bool> slow{true};
  Server server([&](int32_t id, const port_data&) {
    while (id == 1 && slow) std::this_thread::sleep_for(1ms);
    return std::to_string(id);
  });
  remote_message_port remote = server.remote();
  EXPECT_EQ(port_failure::receive_timeout, kind_of(remote.request(1, "", kPatience, 5ms).error()));
  slow = false;
  EXPECT_EQ("2", of_bytes(remote.request(2, "", kPatience, kPatience).value()));
}

// One thread is both ends: the loop goes on while the request waits.
TEST_F(MessagePorts, RepliesThatALoopWaitsFor) {
  int asked = 0;
  const local_message_port local =
      local_message_port::make(loop, new_port(), [&](int32_t id, const port_data& data) {
        asked++;
        return std::string(data.text()) + std::to_string(id);
      }).value();
  remote_message_port remote(local.make_send().value());
  std::vector<pending_request> pending(3);
  std::string heard;
  for (int32_t i = 0; i < 3; i++) {
    const auto on_reply = [&, i](result<std::optional<port_data>> reply) {
      heard += reply.value()->text().substr(reply.value()->size() - 2);
      pending[static_cast<size_t>(i)].cancel();
      if (heard.size() == 6) loop.stop();
    };
    pending[static_cast<size_t>(i)] =
        remote.request(loop, i, std::string(i == 2 ? 1000 : 1, 'x'), on_reply, kPatience, kPatience).value();
  }
  ASSERT_TRUE(stopped());
  std::string sorted = heard;
  std::sort(sorted.begin(), sorted.end());
  EXPECT_EQ("012xxx", sorted) << heard;
  pending[0] = remote.request(loop, 3, "", [](auto) { FAIL(); }).value();
  pending[0].cancel();
  while (asked < 4) ASSERT_TRUE(loop.run_once(kPatience).value());
  EXPECT_EQ(0, drained());
}

TEST_F(MessagePorts, RepliesThatDoNotCome) {
  receive_right port = receive_right::allocate(2).value();
  remote_message_port remote(port.make_send().value());
  std::vector<port_failure> failures;
  const auto note = [&](result<std::optional<port_data>> reply) {
    failures.push_back(kind_of(reply.error()));
    loop.stop();
  };
  const pending_request slow = remote.request(loop, 1, "x", note, kPatience, 1ms).value();
  ASSERT_TRUE(stopped());
  const pending_request dying = remote.request(loop, 1, "x", note, kPatience, kPatience).value();
  EXPECT_EQ(port_failure::send_timeout, kind_of(remote.request(loop, 1, "x", note, 1ms).error()));
  port.reset();
  ASSERT_TRUE(stopped());
  EXPECT_EQ(port_failure::is_invalid, kind_of(remote.request(loop, 1, "x", note).error()));
  EXPECT_EQ(0, drained());
  EXPECT_EQ((std::vector{port_failure::receive_timeout, port_failure::became_invalid}), failures);
}

TEST_F(MessagePorts, ByName) {
  const std::string name = service_name();
  EXPECT_TRUE(remote_message_port::look_up(name.c_str()).error() == BOOTSTRAP_UNKNOWN_SERVICE);
  Child server([&] {
    run_loop own;
    const local_message_port local =
        local_message_port::check_in(own, name.c_str(), [&](int32_t id, const port_data&) {
          if (id == 0) own.stop();
          return std::to_string(getpid());
        }).value();
    EXPECT_TRUE(local_message_port::check_in(own, name.c_str(), [](int32_t, const port_data&) {}).error() ==
                BOOTSTRAP_SERVICE_ACTIVE);
    EXPECT_TRUE(own.run_for(kPatience).value());
  });
  remote_message_port remote = remote_message_port::look_up(name.c_str(), kPatience).value();
  int invalid = 0;
  ASSERT_TRUE(remote.watch(loop, [&] {
    invalid++;
    loop.stop();
  }));
  EXPECT_EQ(std::to_string(server.pid()), of_bytes(remote.request(1, "", kPatience, kPatience).value()));
  EXPECT_EQ(0, drained());
  ASSERT_TRUE(remote.request(0, "", kPatience, kPatience));
  EXPECT_EQ(0, server.wait());
  ASSERT_TRUE(stopped());
  EXPECT_EQ(1, invalid);
  EXPECT_FALSE(remote.is_valid());
}

TEST_F(MessagePorts, AServerIsKilledWithTheRequest) {
  const std::string name = service_name();
  Child server([&] {
    run_loop own;
    const local_message_port local =
        local_message_port::check_in(own, name.c_str(), [&](int32_t, const port_data&) {
          raise(SIGKILL);
        }).value();
    EXPECT_TRUE(own.run_for(kPatience).value());
  });
  std::optional<remote_message_port> remote = remote_message_port::look_up(name.c_str(), kPatience).value();
  remote_message_port second = remote_message_port::look_up(name.c_str()).value();
  int invalid = 0;
  const auto count = [&] {
    if (++invalid == 2) loop.stop();
  };
  ASSERT_TRUE(remote->watch(loop, [&] {
    count();
    remote.reset();  // it may go with the other end
  }));
  ASSERT_TRUE(second.watch(loop, count));
  EXPECT_EQ(port_failure::became_invalid, kind_of(second.request(1, "x", kPatience, kPatience).error()));
  ASSERT_TRUE(stopped());
  EXPECT_FALSE(remote);
  EXPECT_FALSE(second.is_valid());
}

TEST_F(MessagePorts, ALocalPortIsMadeInvalidInItsCallback) {
  int invalid = 0;
  std::optional<local_message_port> local;
  local = local_message_port::make(
              loop, new_port(), [&](int32_t, const port_data&) { local->invalidate(); }, [&] { invalid++; })
              .value();
  remote_message_port remote(local->make_send().value());
  ASSERT_TRUE(remote.send(1, "one"));
  ASSERT_TRUE(remote.send(2, "two"));
  drained();
  EXPECT_EQ(1, invalid);
  EXPECT_FALSE(local->is_valid());
  EXPECT_TRUE(local->make_send().error() == KERN_INVALID_RIGHT);
  EXPECT_FALSE(remote.is_valid());
  // And a remote one by its owner.
  remote_message_port mine(new_port().make_send().value());
  remote.invalidate();
  EXPECT_FALSE(remote.is_valid());
}

TEST_F(MessagePorts, ARemotePortIsMadeInvalid) {
  const receive_right port = new_port();
  remote_message_port remote(port.make_send().value());
  int invalid = 0;
  ASSERT_TRUE(remote.watch(loop, [&] { invalid++; }));
  EXPECT_TRUE(remote.is_valid());
  remote.invalidate();
  remote.invalidate();
  EXPECT_EQ(1, invalid);
  EXPECT_EQ(0, drained());
  EXPECT_EQ(port_failure::is_invalid, kind_of(remote.send(1, "x").error()));
}

// Many clients, in threads and processes, and a server that is asked in one loop.
TEST_F(MessagePorts, ManyClients) {
  Server server(
      [](int32_t id, const port_data& data) { return std::string(data.text()) + std::to_string(id); });
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; t++)
    threads.emplace_back([&, t] {
      remote_message_port remote = server.remote();
      for (int32_t i = 0; i < 200; i++) {
        const std::string text(i % 3 == 0 ? 2000u : 10u, static_cast<char>('a' + t));
        EXPECT_EQ(text + std::to_string(i), of_bytes(remote.request(i, text, kPatience, kPatience).value()));
      }
    });
  for (std::thread& thread : threads) thread.join();
}

}  // namespace
}  // namespace api
