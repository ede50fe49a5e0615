// SPDX-License-Identifier: Apache-2.0
// Kqueue checks 72 to 80: ports and port sets.
#include <set>

#include "checks/kqueue_words.hpp"
#include "checks/words.hpp"

namespace checks {
namespace {

CHECK(Kqueue, K072_ASetNamesItsMembersInTurn) {
  const int kq = new_queue();
  const mach_port_t a = new_port(), b = new_port(), set = new_set();
  set_member(a, set);
  set_member(b, set);
  EXPECT_EQ(0, apply(kq, set, EVFILT_MACHPORT, EV_ADD));
  EXPECT_TRUE(silent(kq));
  send_id(a, 1);
  send_id(b, 2);
  std::set<int64_t> named;
  for (int i = 0; i < 2; i++) {
    const Event event = only_event(kq);
    EXPECT_EQ(set, event.ident);
    EXPECT_EQ(0u, event.fflags);
    named.insert(event.data);
  }
  EXPECT_EQ((std::set<int64_t>{a, b}), named);
}

CHECK(Kqueue, K073_HandedOverDirectlyItIsNoEvent) {
  const int kq = new_queue();
  const mach_port_t port = new_port();
  EXPECT_EQ(0, apply(kq, port, EVFILT_MACHPORT, EV_ADD));
  EXPECT_TRUE(silent(kq));
  Blocked waits([port] {
    Received message;
    return receive(message, port);
  });
  send_id(port, 1);
  EXPECT_CODE(KERN_SUCCESS, waits.code());
  EXPECT_TRUE(events(kq, 50).empty());
}

struct kevent64_s wide_event(int kq) {
  struct kevent64_s event {};
  const struct timespec timeout = {kPatience / 1000, 0};
  EXPECT_EQ(1, kevent64(kq, nullptr, 0, &event, 1, 0, &timeout));
  return event;
}
int watch_with_buffer(int kq, mach_port_t port, void* buffer, uint64_t size, uint32_t options) {
  struct kevent64_s add;
  EV_SET64(&add, port, EVFILT_MACHPORT, EV_ADD, MACH_RCV_MSG | options, 0, 0,
           reinterpret_cast<uint64_t>(buffer), size);
  return kevent64(kq, &add, 1, nullptr, 0, 0, nullptr) == 0 ? 0 : errno;
}

CHECK(Kqueue, K074_ReceivedWithTheEvent) {
  const int kq = new_queue();
  const mach_port_t port = new_port();
  Received buffer{};
  EXPECT_EQ(0, watch_with_buffer(kq, port, &buffer, sizeof buffer, 0));
  send_id(port, 42);
  const struct kevent64_s event = wide_event(kq);
  EXPECT_EQ(0u, event.fflags);
  EXPECT_EQ(reinterpret_cast<uint64_t>(&buffer), event.ext[0]);
  EXPECT_EQ(sizeof(mach_msg_header_t) + MACH_MSG_TRAILER_MINIMUM_SIZE, event.ext[1]);
  EXPECT_EQ(42, buffer.header.msgh_id);
  EXPECT_TRUE(nothing_at(port));
}

CHECK(Kqueue, K075_TooLargeAndKept) {
  const int kq = new_queue(), other = new_queue();
  const mach_port_t port = new_port();
  char buffer[24];
  EXPECT_EQ(0, watch_with_buffer(kq, port, buffer, sizeof buffer, MACH_RCV_LARGE));
  send_id(port, 42);
  struct kevent64_s event = wide_event(kq);
  EXPECT_EQ(uint32_t{MACH_RCV_TOO_LARGE}, event.fflags);
  EXPECT_EQ(sizeof(mach_msg_header_t), event.ext[1]);
  EXPECT_EQ(0, event.data);
  EXPECT_EQ(0,
            watch_with_buffer(other, port, buffer, sizeof buffer, MACH_RCV_LARGE | MACH_RCV_LARGE_IDENTITY));
  event = wide_event(other);
  EXPECT_EQ(uint32_t{MACH_RCV_TOO_LARGE}, event.fflags);
  EXPECT_EQ(int64_t{port}, event.data);
  EXPECT_EQ(42, next_id(port));
}

CHECK(Kqueue, K076_TooLargeAndGone) {
  const int kq = new_queue();
  const mach_port_t port = new_port();
  char buffer[24];
  EXPECT_EQ(0, watch_with_buffer(kq, port, buffer, sizeof buffer, 0));
  send_id(port, 42);
  EXPECT_EQ(uint32_t{MACH_RCV_TOO_LARGE}, wide_event(kq).fflags);
  EXPECT_TRUE(nothing_at(port));
}

CHECK(Kqueue, K077_NoBufferAtAll) {
  const int kq = new_queue();
  const mach_port_t port = new_port();
  EXPECT_EQ(0, watch_with_buffer(kq, port, nullptr, 0, 0));
  send_id(port, 42);
  const struct kevent64_s event = wide_event(kq);
  EXPECT_EQ(uint32_t{MACH_RCV_TOO_LARGE}, event.fflags);
  EXPECT_EQ(int64_t{port}, event.data);
  alignas(8) char area[256];
  size_t left = sizeof area;
  struct kevent_qos_s qos {};
  EXPECT_EQ(1, kevent_qos(kq, nullptr, 0, &qos, 1, area, &left, 0));
  EXPECT_EQ(0u, qos.fflags);
  EXPECT_EQ(reinterpret_cast<uint64_t>(area), qos.ext[0]);
  EXPECT_LT(left, sizeof area);
  EXPECT_TRUE(nothing_at(port));
}

CHECK(Kqueue, K078_TheRightGoes) {
  const int kq = new_queue();
  const mach_port_t port = new_port(), vanishing = new_port(), moved = new_set();
  EXPECT_EQ(0, apply(kq, port, EVFILT_MACHPORT, EV_ADD));
  EXPECT_EQ(0, apply(kq, moved, EVFILT_MACHPORT, EV_ADD));
  EXPECT_TRUE(silent(kq));
  drop_receive(port);
  Event event = only_event(kq);
  EXPECT_EQ(EV_EOF | EV_ONESHOT, event.flags & (EV_EOF | EV_ONESHOT));
  EXPECT_EQ(0, event.data);
  EXPECT_CODE(KERN_SUCCESS, mach_port_destroy(mach_task_self(), moved));
  EXPECT_EQ(moved, only_event(kq).ident);
  int mine;
  EXPECT_EQ(0, apply(kq, vanishing, EVFILT_MACHPORT, EV_ADD | EV_DISPATCH2 | EV_VANISHED, 0, 0, &mine));
  EXPECT_TRUE(silent(kq));
  drop_receive(vanishing);
  event = only_event(kq);
  EXPECT_EQ(0x390, event.flags);
  EXPECT_EQ(&mine, event.udata);
}

CHECK(Kqueue, K079_AMemberWithMessages) {
  const int kq = new_queue(), own = new_queue();
  const mach_port_t port = new_port(), set = new_set();
  EXPECT_EQ(0, apply(kq, set, EVFILT_MACHPORT, EV_ADD));
  EXPECT_EQ(0, apply(own, port, EVFILT_MACHPORT, EV_ADD));
  send_id(port, 1);
  EXPECT_TRUE(silent(kq));
  set_member(port, set);
  EXPECT_EQ(int64_t{port}, only_event(kq).data);
  EXPECT_EQ(int64_t{port}, only_event(own).data);
}

CHECK(Kqueue, K080_WhatCannotBeWatched) {
  const int kq = new_queue();
  EXPECT_EQ(ENOENT, apply(kq, 0x1403, EVFILT_MACHPORT, EV_ADD));
  EXPECT_EQ(ENOTSUP, apply(kq, mach_task_self(), EVFILT_MACHPORT, EV_ADD));
  const mach_port_t port = new_port();
  EXPECT_EQ(0, apply(kq, port, EVFILT_MACHPORT, EV_ADD));
  EXPECT_EQ(EINVAL, apply(kq, port, EVFILT_MACHPORT, EV_ADD, MACH_RCV_MSG));
}

}  // namespace
}  // namespace checks
