// SPDX-License-Identifier: Apache-2.0
// Rights and memory as objects: who owns what, and that nothing is left.
#include <type_traits>

#include "api/api.hpp"

namespace api {
namespace {

class Rights : public Api {};

mach_port_type_t type_of(mach_port_t name) {
  mach_port_type_t type = 0;
  return mach_port_type(mach_task_self(), name, &type) == KERN_SUCCESS ? type : 0;
}

mach_port_urefs_t send_refs(mach_port_t name) {
  mach_port_urefs_t refs = 0;
  return mach_port_get_refs(mach_task_self(), name, MACH_PORT_RIGHT_SEND, &refs) == KERN_SUCCESS ? refs : 0;
}

template <class T>
constexpr bool kMovesOnly = std::is_nothrow_move_constructible_v<T>&& std::is_nothrow_move_assignable_v<T> &&
                            !std::is_copy_constructible_v<T> && !std::is_copy_assignable_v<T>;
static_assert(kMovesOnly<send_right> && kMovesOnly<send_once_right> && kMovesOnly<receive_right>);
static_assert(kMovesOnly<port_set> && kMovesOnly<dead_name> && kMovesOnly<ool_memory>);
static_assert(sizeof(send_right) == sizeof(mach_port_t));

TEST_F(Rights, AReceiveRightIsGivenUpAtItsEnd) {
  mach_port_t name = MACH_PORT_NULL;
  {
    const receive_right port = receive_right::allocate().value();
    name = port.get();
    EXPECT_EQ(MACH_PORT_TYPE_RECEIVE, type_of(name));
  }
  EXPECT_EQ(0u, type_of(name));
}

TEST_F(Rights, MovingLeavesNothingBehind) {
  receive_right first = receive_right::allocate().value();
  const mach_port_t name = first.get();
  receive_right second = std::move(first);
  EXPECT_EQ(static_cast<mach_port_t>(MACH_PORT_NULL), first.get());
  EXPECT_FALSE(first);
  EXPECT_EQ(name, second.get());
  receive_right third = receive_right::allocate().value();
  const mach_port_t other = third.get();
  third = std::move(second);
  EXPECT_EQ(0u, type_of(other));
  EXPECT_EQ(name, third.get());
  receive_right& same = third;
  third = std::move(same);
  EXPECT_EQ(name, third.get());
}

TEST_F(Rights, AdoptAndReleaseChangeHands) {
  mach_port_t name = MACH_PORT_NULL;
  ASSERT_EQ(KERN_SUCCESS, mach_port_allocate(mach_task_self(), MACH_PORT_RIGHT_RECEIVE, &name));
  receive_right port = receive_right::adopt(name);
  EXPECT_EQ(name, port.release());
  EXPECT_FALSE(port);
  port.reset();
  EXPECT_EQ(MACH_PORT_TYPE_RECEIVE, type_of(name));
  EXPECT_EQ(KERN_SUCCESS, mach_port_mod_refs(mach_task_self(), name, MACH_PORT_RIGHT_RECEIVE, -1));
}

TEST_F(Rights, EveryCopyIsAReference) {
  const receive_right port = receive_right::allocate().value();
  {
    const send_right first = port.make_send().value();
    const send_right second = first.copy().value();
    const send_right third = port.make_send().value();
    EXPECT_EQ(port.get(), first.get());
    EXPECT_EQ(first.get(), second.get());
    EXPECT_EQ(3u, send_refs(port.get()));
    EXPECT_FALSE(first.is_dead());
  }
  EXPECT_EQ(0u, send_refs(port.get()));
  EXPECT_EQ(MACH_PORT_TYPE_RECEIVE, type_of(port.get()));
}

// The send right is a reference of a dead name then, and gives that up (ports 4.3).
TEST_F(Rights, ASendRightOutlivesItsPort) {
  receive_right port = receive_right::allocate().value();
  const send_right right = port.make_send().value();
  port.reset();
  EXPECT_TRUE(right.is_dead());
  EXPECT_TRUE(send_right::adopt(MACH_PORT_DEAD).is_dead());
  EXPECT_EQ(KERN_INVALID_RIGHT, right.copy().error().code());
  const result<void> sent = send(right, empty{});
  ASSERT_FALSE(sent);
  EXPECT_TRUE(sent.error() == MACH_SEND_INVALID_DEST);
}

// Given up unused it tells its port (ports 7.6).
TEST_F(Rights, ASendOnceRightIsUsedOnceOrTells) {
  const receive_right port = receive_right::allocate().value();
  send_once_right used = port.make_send_once().value();
  EXPECT_NE(port.get(), used.get());
  ASSERT_TRUE(send(std::move(used), empty{}));
  EXPECT_FALSE(used);
  EXPECT_TRUE(receive<empty>(port, kPatience));
  { const send_once_right unused = port.make_send_once().value(); }
  EXPECT_TRUE(receive<send_once_notification>(port, kPatience));
}

TEST_F(Rights, StatusAndQueueLimit) {
  const receive_right port = receive_right::allocate(1).value();
  EXPECT_EQ(1u, port.status()->mps_qlimit);
  ASSERT_TRUE(send(port, empty{}));
  EXPECT_EQ(1u, port.status()->mps_msgcount);
  const result<void> full = send(port, empty{}, 0s);
  ASSERT_FALSE(full);
  EXPECT_TRUE(full.error() == MACH_SEND_TIMED_OUT);
  ASSERT_TRUE(port.set_queue_limit(2));
  EXPECT_TRUE(send(port, empty{}, 0s));
  EXPECT_FALSE(port.set_queue_limit(100000));
  EXPECT_EQ(KERN_INVALID_VALUE, receive_right::allocate(100000).error().code());
}

TEST_F(Rights, SetsReceiveFromTheirMembers) {
  const port_set set = port_set::allocate().value();
  const receive_right left = receive_right::allocate().value();
  const receive_right right = receive_right::allocate().value();
  ASSERT_TRUE(set.add(left));
  ASSERT_TRUE(set.add(right));
  EXPECT_EQ(KERN_ALREADY_IN_SET, set.add(left).error().code());
  ASSERT_TRUE(send(left, plain{{1, 2}}));
  ASSERT_TRUE(send(right, plain{{3, 4}}));
  envelope about;
  EXPECT_EQ(1u, receive<plain>(set, kPatience, &about)->payload.a);
  EXPECT_EQ(left.get(), about.port());
  EXPECT_EQ(3u, receive<plain>(set, kPatience, &about)->payload.a);
  EXPECT_EQ(right.get(), about.port());
  ASSERT_TRUE(set.remove(left));
  EXPECT_EQ(KERN_NOT_IN_SET, set.remove(left).error().code());
  EXPECT_TRUE(receive<plain>(set, 0s).error() == MACH_RCV_TIMED_OUT);
}

// Where the C call leaks a reference each time.
TEST_F(Rights, ThreadAndHostPortsAreGivenBack) {
  for (int i = 0; i < 3; i++) {
    const send_right thread = thread_self();
    const send_right host = host_self();
    EXPECT_TRUE(thread);
    EXPECT_TRUE(host);
  }
}

TEST_F(Rights, MemoryIsOwned) {
  ool_memory memory = ool_memory::allocate(10000).value();
  EXPECT_EQ(10000u, memory.size());
  EXPECT_EQ(2500u, memory.as<uint32_t>().size());
  memory.as<uint32_t>()[2499] = 7;
  ool_memory moved = std::move(memory);
  EXPECT_TRUE(memory.empty());
  EXPECT_EQ(nullptr, memory.data());
  EXPECT_EQ(7u, moved.as<uint32_t>()[2499]);
  const std::span<std::byte> raw = moved.release();
  EXPECT_TRUE(moved.empty());
  EXPECT_EQ(KERN_SUCCESS,
            vm_deallocate(mach_task_self(), reinterpret_cast<vm_address_t>(raw.data()), raw.size()));

  const std::string text = "some text";
  const ool_memory copy = ool_memory::copied_from(text).value();
  EXPECT_EQ(text, std::string(copy.as<char>().data(), copy.size()));
  EXPECT_TRUE(ool_memory::allocate(0)->empty());
  EXPECT_EQ(KERN_INVALID_ARGUMENT, ool_memory::allocate(size_t{1} << 40).error().code());
}

TEST_F(Rights, NotificationsOfRights) {
  const receive_right notices = receive_right::allocate().value();
  receive_right port = receive_right::allocate().value();
  ASSERT_TRUE(notify_no_senders(port, make_send_once_of(notices)));
  { const send_right gone = port.make_send().value(); }
  EXPECT_EQ(1u, receive<no_senders_notification>(notices, kPatience)->payload.count);

  const send_right right = port.make_send().value();
  ASSERT_TRUE(notify_dead_name(right, notices.make_send_once().value()));
  ASSERT_TRUE(notify_port_destroyed(port, make_send_once_of(notices)));
  port.reset();
  envelope about;
  auto destroyed = receive<port_destroyed_notification>(notices, kPatience, &about);
  EXPECT_TRUE(about.from_kernel());
  ASSERT_TRUE(destroyed);
  EXPECT_EQ(right.get(), destroyed->part<0>().get());
  destroyed->part<0>().reset();
  const auto dead = receive<dead_name_notification>(notices, kPatience);
  ASSERT_TRUE(dead);
  const dead_name extra = dead_name::adopt(dead->payload.name);
  EXPECT_EQ(right.get(), extra.get());
}

// A right that a failing call was given is destroyed (ports 6.4).
TEST_F(Rights, ANotificationToADeadPortIsRefused) {
  const receive_right port = receive_right::allocate().value();
  receive_right gone = receive_right::allocate().value();
  send_once_right once = gone.make_send_once().value();
  gone.reset();
  EXPECT_EQ(KERN_INVALID_CAPABILITY, notify_no_senders(port, std::move(once)).error().code());
  EXPECT_FALSE(once);
}

TEST_F(Rights, NotificationsCanBeCancelled) {
  const receive_right notices = receive_right::allocate().value();
  receive_right port = receive_right::allocate().value();
  const send_right right = port.make_send().value();
  ASSERT_TRUE(notify_dead_name(right, make_send_once_of(notices)));
  ASSERT_TRUE(notify_no_senders(port, make_send_once_of(notices)));
  EXPECT_TRUE(cancel_dead_name(right).value());
  EXPECT_FALSE(cancel_dead_name(right).value());
  EXPECT_TRUE(cancel_no_senders(port).value());
  port.reset();
  for (int i = 0; i < 2; i++)
    EXPECT_TRUE(receive<send_once_notification>(notices, kPatience));  // of the rights
  EXPECT_TRUE(receive<send_once_notification>(notices, 0s).error() == MACH_RCV_TIMED_OUT);
}

// Asking again gives back the right of the first request, which tells when it goes.
TEST_F(Rights, AskingAgainGivesTheFirstRightBack) {
  const receive_right notices = receive_right::allocate().value();
  const receive_right port = receive_right::allocate().value();
  EXPECT_FALSE(notify_no_senders(port, make_send_once_of(notices)).value());
  EXPECT_TRUE(notify_no_senders(port, make_send_once_of(notices)).value());
  EXPECT_TRUE(receive<send_once_notification>(notices, kPatience));
}

}  // namespace
}  // namespace api
