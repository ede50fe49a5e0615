// SPDX-License-Identifier: Apache-2.0
// Typed messages: how they lie in memory, how each part travels, what comes back from a send that failed, and
// what is refused.
#include <sys/mman.h>

#include <array>
#include <cstddef>
#include <cstring>
#include <numeric>
#include <vector>

#include "api/api.hpp"

namespace api {
namespace {

class Messages : public Api {};

using with_send = message<200, numbers, send_right>;
using with_once = message<201, none, send_once_right>;
using with_receive = message<202, none, receive_right>;
using with_maybe = message<203, none, std::optional<send_right>>;
using with_array = message<204, none, std::vector<send_right>>;
using with_memory = message<205, numbers, ool_memory>;
using with_all = message<206, numbers, send_right, ool_memory, std::vector<receive_right>, send_once_right>;

// --- In memory: as a C structure, packed to 4 ---

#pragma pack(push, 4)
struct CAll {
  mach_msg_header_t header;
  mach_msg_body_t body;
  mach_msg_port_descriptor_t send;
  mach_msg_ool_descriptor_t memory;
  mach_msg_ool_ports_descriptor_t receives;
  mach_msg_port_descriptor_t once;
  numbers payload;
};
#pragma pack(pop)
static_assert(detail::wire<with_all>::size == sizeof(CAll));
static_assert(detail::wire<with_all>::payload_at == offsetof(CAll, payload));
static_assert(detail::wire<empty>::size == sizeof(mach_msg_header_t));
static_assert(detail::wire<plain>::payload_at == sizeof(mach_msg_header_t));
static_assert(detail::wire<message<1, none, send_right>>::size == sizeof(mach_msg_base_t) + 12);

TEST_F(Messages, CProgramsReadAndWriteThem) {
  const receive_right port = receive_right::allocate().value();
  ASSERT_TRUE(send(port, plain{{11, 12}}));
  struct {
    mach_msg_header_t header;
    uint32_t a, b;
    mach_msg_max_trailer_t trailer;
  } c = {};
  ASSERT_EQ(MACH_MSG_SUCCESS, mach_msg(&c.header, MACH_RCV_MSG, 0, sizeof c, port.get(), 0, MACH_PORT_NULL));
  EXPECT_EQ(100, c.header.msgh_id);
  EXPECT_EQ(32u, c.header.msgh_size);
  EXPECT_EQ(11u, c.a);
  EXPECT_EQ(12u, c.b);
  c.header.msgh_bits = MACH_MSGH_BITS(MACH_MSG_TYPE_MAKE_SEND, 0);
  c.header.msgh_remote_port = port.get();
  c.header.msgh_local_port = MACH_PORT_NULL;
  ASSERT_EQ(MACH_MSG_SUCCESS, mach_msg(&c.header, MACH_SEND_MSG, 32, 0, MACH_PORT_NULL, 0, MACH_PORT_NULL));
  EXPECT_EQ(12u, receive<plain>(port, kPatience)->payload.b);
}

// --- Every way to give a part ---

TEST_F(Messages, SendRightsMovedCopiedAndMade) {
  const receive_right port = receive_right::allocate().value();
  const receive_right other = receive_right::allocate().value();
  send_right right = other.make_send().value();

  ASSERT_TRUE(send(port, with_send{{1, 2}, copy_of(right)}));
  EXPECT_TRUE(right);
  ASSERT_TRUE(send(port, with_send{{3, 4}, make_send_of(other)}));
  ASSERT_TRUE(send(port, with_send{{5, 6}, std::move(right)}));
  EXPECT_FALSE(right);
  for (uint32_t i = 1; i < 6; i += 2) {
    auto [payload, got] = receive<with_send>(port, kPatience).value();
    EXPECT_EQ(i, payload.a);
    EXPECT_EQ(other.get(), got.get());
    EXPECT_TRUE(send(got, empty{}));
  }
  for (int i = 0; i < 3; i++) EXPECT_TRUE(receive<empty>(other, kPatience));
}

TEST_F(Messages, SendOnceRightsMovedAndMade) {
  const receive_right port = receive_right::allocate().value();
  const receive_right other = receive_right::allocate().value();
  ASSERT_TRUE(send(port, with_once{make_send_once_of(other)}));
  ASSERT_TRUE(send(port, with_once{other.make_send_once().value()}));
  for (int i = 0; i < 2; i++) {
    auto got = receive<with_once>(port, kPatience);
    ASSERT_TRUE(got);
    EXPECT_TRUE(send(std::move(got->part<0>()), empty{}));
    EXPECT_TRUE(receive<empty>(other, kPatience));
  }
}

// With the messages in its queue (messages 36).
TEST_F(Messages, ReceiveRightsMoveWithTheirQueue) {
  const receive_right port = receive_right::allocate().value();
  receive_right other = receive_right::allocate().value();
  ASSERT_TRUE(send(other, plain{{8, 9}}));
  ASSERT_TRUE(send(port, with_receive{std::move(other)}));
  EXPECT_FALSE(other);
  auto got = receive<with_receive>(port, kPatience);
  ASSERT_TRUE(got);
  EXPECT_EQ(9u, receive<plain>(got->part<0>(), kPatience)->payload.b);
}

TEST_F(Messages, OptionalRightsMayBeMissing) {
  const receive_right port = receive_right::allocate().value();
  ASSERT_TRUE(send(port, with_maybe{std::nullopt}));
  ASSERT_TRUE(send(port, with_maybe{make_send_of(port)}));
  ASSERT_TRUE(send(port, with_maybe{port.make_send().value()}));
  EXPECT_FALSE(receive<with_maybe>(port, kPatience)->part<0>().has_value());
  EXPECT_TRUE(receive<with_maybe>(port, kPatience)->part<0>().has_value());
  EXPECT_TRUE(receive<with_maybe>(port, kPatience)->part<0>().has_value());
}

TEST_F(Messages, ArraysOfRightsMovedCopiedAndMade) {
  const receive_right port = receive_right::allocate().value();
  std::array<receive_right, 3> others;
  for (receive_right& other : others) other = receive_right::allocate().value();

  ASSERT_TRUE(send(port, with_array{make_send_of(others)}));
  std::vector<send_right> rights = std::move(receive<with_array>(port, kPatience)->part<0>());
  ASSERT_EQ(3u, rights.size());
  ASSERT_TRUE(send(port, with_array{copy_of(rights)}));
  ASSERT_TRUE(send(port, with_array{std::move(rights)}));
  EXPECT_TRUE(rights.empty());
  for (int round = 0; round < 2; round++) {
    auto got = receive<with_array>(port, kPatience);
    ASSERT_EQ(3u, got->part<0>().size());
    for (size_t i = 0; i < 3; i++) EXPECT_EQ(others[i].get(), got->part<0>()[i].get());
  }
  ASSERT_TRUE(send(port, with_array{std::vector<send_right>()}));
  EXPECT_TRUE(receive<with_array>(port, kPatience)->part<0>().empty());
}

TEST_F(Messages, MemoryMovedAndLent) {
  const receive_right port = receive_right::allocate().value();
  ool_memory memory = ool_memory::allocate(1 << 20).value();
  std::iota(memory.as<uint32_t>().begin(), memory.as<uint32_t>().end(), 5u);
  ASSERT_TRUE(send(port, with_memory{{0, 0}, bytes_of(memory.as<uint32_t>())}));
  memory.as<uint32_t>()[0] = 99;  // after the call: does not show
  ASSERT_TRUE(send(port, with_memory{{1, 0}, std::move(memory)}));
  EXPECT_TRUE(memory.empty());
  for (uint32_t round = 0; round < 2; round++) {
    auto got = receive<with_memory>(port, kPatience);
    ASSERT_EQ(size_t{1} << 20, got->part<0>().size());
    EXPECT_EQ(round == 0 ? 5u : 99u, got->part<0>().as<uint32_t>()[0]);
    EXPECT_EQ(6u, got->part<0>().as<uint32_t>()[1]);
  }
  const std::string text = "lent";
  ASSERT_TRUE(send(port, with_memory{{2, 0}, bytes_of(text)}));
  ASSERT_TRUE(send(port, with_memory{{3, 0}, ool_memory()}));
  EXPECT_EQ(4u, receive<with_memory>(port, kPatience)->part<0>().size());
  EXPECT_TRUE(receive<with_memory>(port, kPatience)->part<0>().empty());
}

TEST_F(Messages, AllAtOnce) {
  const receive_right port = receive_right::allocate().value();
  const receive_right other = receive_right::allocate().value();
  std::vector<receive_right> many;
  for (int i = 0; i < 20; i++) many.push_back(receive_right::allocate().value());
  with_all out{{1, 2},
               make_send_of(other),
               ool_memory::copied_from(std::string("abc")).value(),
               std::move(many),
               make_send_once_of(other)};
  ASSERT_TRUE(send(port, std::move(out)));
  auto [payload, right, memory, receives, once] = receive<with_all>(port, kPatience).value();
  EXPECT_EQ(2u, payload.b);
  EXPECT_EQ(other.get(), right.get());
  EXPECT_EQ(3u, memory.size());
  EXPECT_EQ(20u, receives.size());
  EXPECT_TRUE(send(std::move(once), empty{}));
  EXPECT_TRUE(receive<empty>(other, kPatience));
}

// The port died on the way (messages 6.6): no error, but nothing to send to.
TEST_F(Messages, RightsToDeadPortsArriveDead) {
  const receive_right port = receive_right::allocate().value();
  receive_right other = receive_right::allocate().value();
  ASSERT_TRUE(send(port, with_send{{1, 2}, make_send_of(other)}));
  other.reset();
  auto got = receive<with_send>(port, kPatience);
  ASSERT_TRUE(got);
  EXPECT_TRUE(got->part<0>().is_dead());
  EXPECT_FALSE(got->part<0>());
}

TEST_F(Messages, OneOfSeveral) {
  const receive_right port = receive_right::allocate().value();
  ASSERT_TRUE(send(port, empty{}));
  ASSERT_TRUE(send(port, plain{{1, 2}}));
  auto first = receive<plain, empty>(port, kPatience).value();
  EXPECT_TRUE(std::holds_alternative<empty>(first));
  auto second = receive<plain, empty>(port, kPatience).value();
  EXPECT_EQ(2u, std::get<plain>(second).payload.b);
}

TEST_F(Messages, TheEnvelopeSaysWhoSent) {
  const receive_right port = receive_right::allocate().value();
  ASSERT_TRUE(send(port, empty{}));
  envelope about;
  ASSERT_TRUE(receive<empty>(port, kPatience, &about));
  EXPECT_EQ(getpid(), about.pid());
  EXPECT_EQ(geteuid(), about.uid());
  EXPECT_EQ(getegid(), about.gid());
  EXPECT_EQ(port.get(), about.port());
  EXPECT_EQ(0u, about.number());
  EXPECT_FALSE(about.from_kernel());
}

// --- A send that fails leaves everything as it was ---

TEST_F(Messages, AfterATimeOutTheMessageIsWholeAndCanBeSentAgain) {
  const receive_right port = receive_right::allocate(1).value();
  const receive_right other = receive_right::allocate().value();
  ASSERT_TRUE(send(port, empty{}));
  std::vector<receive_right> many;
  many.push_back(receive_right::allocate().value());
  send_right right = other.make_send().value();
  with_all out{{1, 2},
               std::move(right),
               ool_memory::copied_from(std::string("abc")).value(),
               std::move(many),
               other.make_send_once().value()};
  const Census whole = census();
  for (int i = 0; i < 3; i++) {
    const result<void> sent = send(port, std::move(out), 0s);
    ASSERT_FALSE(sent);
    EXPECT_TRUE(sent.error() == MACH_SEND_TIMED_OUT);
    EXPECT_EQ(whole, census());
    EXPECT_EQ(other.get(), out.part<0>().get());
    EXPECT_EQ(0, std::memcmp(out.part<1>().data(), "abc", 3));
    EXPECT_EQ(1u, out.part<2>().size());
    EXPECT_TRUE(out.part<3>());
  }
  EXPECT_TRUE(receive<empty>(port, kPatience));
  ASSERT_TRUE(send(port, std::move(out), 0s));
  auto got = receive<with_all>(port, kPatience);
  ASSERT_TRUE(got);
  EXPECT_TRUE(send(std::move(got->part<3>()), empty{}));
  EXPECT_TRUE(receive<empty>(other, kPatience));
}

TEST_F(Messages, AfterATimeOutWhatWasLentIsBack) {
  const receive_right port = receive_right::allocate(1).value();
  const send_right to = port.make_send().value();
  const receive_right other = receive_right::allocate().value();
  std::array<receive_right, 2> others = {receive_right::allocate().value(),
                                         receive_right::allocate().value()};
  const send_right right = other.make_send().value();
  ASSERT_TRUE(send(to, empty{}));
  using lent = message<207, none, send_right, send_right, send_once_right, std::vector<send_right>,
                       ool_memory, std::optional<send_right>>;
  const std::string text(100000, 'x');
  const Census before = census();
  for (int i = 0; i < 3; i++) {
    const result<void> sent = send(to,
                                   lent{copy_of(right), make_send_of(other), make_send_once_of(other),
                                        make_send_of(others), bytes_of(text), make_send_of(other)},
                                   1ms);
    ASSERT_FALSE(sent);
    EXPECT_EQ(before, census());
  }
}

// A send-once right tells its port when it is given up, so the message keeps the one that was made.
TEST_F(Messages, AfterATimeOutAMadeSendOnceRightIsKeptForTheNextAttempt) {
  const receive_right port = receive_right::allocate(1).value();
  const receive_right other = receive_right::allocate().value();
  ASSERT_TRUE(send(port, empty{}));
  using both = message<209, none, send_once_right, std::vector<send_once_right>>;
  {
    both out{make_send_once_of(other), make_send_once_of(std::span<const receive_right>(&other, 1))};
    for (int i = 0; i < 3; i++) EXPECT_FALSE(send(port, std::move(out), 0s));
    EXPECT_TRUE(receive<send_once_notification>(other, 0s).error() == MACH_RCV_TIMED_OUT);
    EXPECT_TRUE(receive<empty>(port, kPatience));
    EXPECT_TRUE(send(port, std::move(out), 0s));
    EXPECT_TRUE(receive<both>(port, kPatience));
  }
  for (int i = 0; i < 2; i++) EXPECT_TRUE(receive<send_once_notification>(other, kPatience));
  EXPECT_TRUE(receive<send_once_notification>(other, 0s).error() == MACH_RCV_TIMED_OUT);
}

TEST_F(Messages, AMovedDestinationComesBackToo) {
  const receive_right port = receive_right::allocate(1).value();
  ASSERT_TRUE(send(port, empty{}));
  send_right to = port.make_send().value();
  EXPECT_FALSE(send(std::move(to), empty{}, 0s));
  EXPECT_TRUE(to);
  EXPECT_TRUE(receive<empty>(port, kPatience));
  EXPECT_TRUE(send(std::move(to), empty{}, 0s));
  EXPECT_FALSE(to);
}

TEST_F(Messages, ADeadDestinationCostsNothing) {
  receive_right port = receive_right::allocate().value();
  const send_right to = port.make_send().value();
  port.reset();
  with_memory out{{1, 2}, ool_memory::allocate(10).value()};
  const result<void> sent = send(to, std::move(out));
  EXPECT_TRUE(sent.error() == MACH_SEND_INVALID_DEST);
  EXPECT_EQ(10u, out.part<0>().size());
}

// What stands in front of the memory is gone then, what stands behind is kept (messages 5.4).
TEST_F(Messages, UnreadableLentMemoryCostsWhatIsInFrontOfIt) {
  const receive_right port = receive_right::allocate().value();
  const receive_right other = receive_right::allocate().value();
  void* hole = mmap(nullptr, 1 << 16, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  ASSERT_NE(MAP_FAILED, hole);
  using around = message<208, none, send_once_right, ool_memory, send_once_right>;
  around out{other.make_send_once().value(), bytes_of(std::span(static_cast<const char*>(hole), 1 << 16)),
             other.make_send_once().value()};
  const result<void> sent = send(port, std::move(out));
  ASSERT_FALSE(sent);
  EXPECT_TRUE(sent.error() == MACH_SEND_INVALID_MEMORY);
  EXPECT_FALSE(out.part<0>());
  EXPECT_TRUE(out.part<2>());
  EXPECT_TRUE(receive<send_once_notification>(other, kPatience));
  munmap(hole, 1 << 16);
}

// --- What is not the message asked for is refused, and destroyed whole ---

// How many of the messages that `port` got were notices of a send-once right that was given up.
int once_notices(const receive_right& port) {
  int count = 0;
  while (receive<send_once_notification>(port, 0s)) count++;
  return count;
}

TEST_F(Messages, AnotherIdIsRefused) {
  const receive_right port = receive_right::allocate().value();
  const receive_right other = receive_right::allocate().value();
  ASSERT_TRUE(send(port, with_once{make_send_once_of(other)}));
  EXPECT_EQ(MIG_BAD_ID, receive<plain>(port, kPatience).error().code());
  EXPECT_EQ(1, once_notices(other));
}

TEST_F(Messages, AnotherShapeIsRefused) {
  const receive_right port = receive_right::allocate().value();
  const receive_right other = receive_right::allocate().value();
  const auto refused = [&]<class Wanted, class Sent>(Wanted*, Sent sent) {
    ASSERT_TRUE(send(port, std::move(sent)));
    const auto got = receive<Wanted>(port, kPatience);
    ASSERT_FALSE(got);
    EXPECT_EQ(MIG_TYPE_ERROR, got.error().code());
    EXPECT_EQ(1, once_notices(other));
  };
  using sent = message<300, numbers, send_once_right>;
  // One more, one of another kind, another type of descriptor, rights or memory where a payload is expected.
  refused(static_cast<message<300, numbers, send_once_right, send_right>*>(nullptr),
          sent{{}, make_send_once_of(other)});
  refused(static_cast<message<300, numbers, send_right>*>(nullptr), sent{{}, make_send_once_of(other)});
  refused(static_cast<message<300, numbers, ool_memory>*>(nullptr), sent{{}, make_send_once_of(other)});
  refused(static_cast<message<300, std::array<int, 6>>*>(nullptr), sent{{}, make_send_once_of(other)});
  refused(static_cast<message<300, std::array<int, 3>, send_once_right>*>(nullptr),
          sent{{}, make_send_once_of(other)});
  refused(static_cast<message<300, numbers, send_once_right, send_once_right>*>(nullptr),
          message<300, none, send_once_right, ool_memory>{make_send_once_of(other),
                                                          ool_memory::allocate(100).value()});
  refused(static_cast<message<300, none, std::vector<send_right>>*>(nullptr),
          message<300, none, std::vector<send_once_right>>{
              make_send_once_of(std::span<const receive_right>(&other, 1))});
}

TEST_F(Messages, AMissingRightIsRefused) {
  const receive_right port = receive_right::allocate().value();
  using maybe = message<301, none, std::optional<send_right>>;
  using sure = message<301, none, send_right>;
  ASSERT_TRUE(send(port, maybe{std::nullopt}));
  EXPECT_EQ(MIG_TYPE_ERROR, receive<sure>(port, kPatience).error().code());
}

// mach_msg_destroy does not free memory that was copied physically; the receiver has to.
TEST_F(Messages, MemoryOfRefusedMessagesIsFreed) {
  const receive_right port = receive_right::allocate().value();
  std::string text(100000, 'x');
  struct {
    mach_msg_header_t header;
    mach_msg_body_t body;
    mach_msg_ool_descriptor_t memory;
  } out = {};
  const auto mapped = [] {
    std::FILE* file = std::fopen("/proc/self/statm", "r");
    unsigned long pages = 0;
    EXPECT_EQ(1, std::fscanf(file, "%lu", &pages));
    std::fclose(file);
    return pages;
  };
  unsigned long before = 0;
  for (int i = 0; i < 110; i++) {
    if (i == 10) before = mapped();
    out.header.msgh_bits = MACH_MSGH_BITS(MACH_MSG_TYPE_MAKE_SEND, 0) | MACH_MSGH_BITS_COMPLEX;
    out.header.msgh_remote_port = port.get();
    out.header.msgh_id = 400;
    out.body.msgh_descriptor_count = 1;
    out.memory.address = text.data();
    out.memory.size = static_cast<mach_msg_size_t>(text.size());
    out.memory.copy = i % 2 == 0 ? MACH_MSG_PHYSICAL_COPY : MACH_MSG_VIRTUAL_COPY;
    out.memory.type = MACH_MSG_OOL_DESCRIPTOR;
    ASSERT_EQ(MACH_MSG_SUCCESS,
              mach_msg(&out.header, MACH_SEND_MSG, sizeof out, 0, MACH_PORT_NULL, 0, MACH_PORT_NULL));
    EXPECT_EQ(MIG_BAD_ID, receive<plain>(port, kPatience).error().code());
  }
  EXPECT_LT(mapped(), before + 10 * 25);  // each was of 25 pages
}

// Its client learns: the reply right is destroyed with the rest (messages 6.4).
TEST_F(Messages, TooLargeIsRefused) {
  const receive_right port = receive_right::allocate().value();
  using large = message<302, std::array<char, 500>, send_once_right>;
  const receive_right other = receive_right::allocate().value();
  ASSERT_TRUE(send(port, large{{}, make_send_once_of(other)}));
  EXPECT_TRUE(receive<empty>(port, kPatience).error() == MACH_RCV_TOO_LARGE);
  EXPECT_EQ(1, once_notices(other));
}

TEST_F(Messages, ARequestIsNoMessageAndAMessageNoRequest) {
  const receive_right port = receive_right::allocate().value();
  Child client([&] {
    // Its own rights only: the port is looked up nowhere, so the child makes both ends itself.
    const receive_right own = receive_right::allocate().value();
    ASSERT_TRUE(send(own, empty{}));
    const auto got = receive_request<empty, plain>(own, kPatience);
    ASSERT_FALSE(got);
    EXPECT_EQ(MIG_TYPE_ERROR, got.error().code());
  });
  EXPECT_EQ(0, client.wait());

  const receive_right replies = receive_right::allocate().value();
  mach_msg_header_t raw = {};
  raw.msgh_bits = MACH_MSGH_BITS(MACH_MSG_TYPE_MAKE_SEND, MACH_MSG_TYPE_MAKE_SEND_ONCE);
  raw.msgh_remote_port = port.get();
  raw.msgh_local_port = replies.get();
  raw.msgh_id = empty::id;
  ASSERT_EQ(MACH_MSG_SUCCESS,
            mach_msg(&raw, MACH_SEND_MSG, sizeof raw, 0, MACH_PORT_NULL, 0, MACH_PORT_NULL));
  EXPECT_EQ(MIG_TYPE_ERROR, receive<empty>(port, kPatience).error().code());
  EXPECT_EQ(1, once_notices(replies));
}

// A dead-name notification that nobody asked this receive for brings a reference, which is given up with it.
TEST_F(Messages, ARefusedDeadNameIsGivenUp) {
  const receive_right notices = receive_right::allocate().value();
  receive_right port = receive_right::allocate().value();
  const send_right right = port.make_send().value();
  ASSERT_TRUE(notify_dead_name(right, make_send_once_of(notices)));
  port.reset();
  EXPECT_EQ(MIG_BAD_ID, receive<plain>(notices, kPatience).error().code());
}

TEST_F(Messages, WaitingEndsWithThePort) {
  EXPECT_TRUE(receive<empty>(receive_right::allocate().value(), 10ms).error() == MACH_RCV_TIMED_OUT);
}

}  // namespace
}  // namespace api
