// SPDX-License-Identifier: Apache-2.0
// Messages 10.3 and 10.4 beyond their checks: the loops' options and ends, and the helpers of generated code.
#include <sys/wait.h>
#include <unistd.h>

#include <cstring>
#include <thread>

#include "checks/mig_sample.hpp"
#include "checks/words.hpp"

namespace checks {
namespace {

boolean_t ignore(mach_msg_header_t*, mach_msg_header_t*) { return FALSE; }

CHECK(Server, ReturnsWhatEndsItsReceive) {
  const mach_port_t port = new_port();
  EXPECT_CODE(MACH_RCV_INVALID_NAME, mach_msg_server_once(ignore, 100, MACH_PORT_NULL, 0));
  EXPECT_CODE(MACH_RCV_INVALID_NAME, mach_msg_server(ignore, 100, MACH_PORT_DEAD, 0));
  EXPECT_CODE(MACH_RCV_TIMED_OUT, mach_msg_server_once(ignore, 100, port, MACH_RCV_TIMEOUT));
  EXPECT_CODE(MACH_RCV_TIMED_OUT, mach_msg_server_importance(ignore, 100, port, MACH_RCV_TIMEOUT));
}

CHECK(Server, TakesNoMoreThanItsSizeUnlessLarge) {
  const mach_port_t port = new_port_with_sends(1);
  static struct {
    mach_msg_header_t header;
    char bytes[20000];
  } m;
  static mach_msg_size_t seen;
  const auto note = [](mach_msg_header_t* request, mach_msg_header_t*) -> boolean_t {
    seen = request->msgh_size;
    return TRUE;
  };
  for (const mach_msg_options_t options : {0, MACH_RCV_LARGE}) {
    m.header.msgh_bits = MACH_MSGH_BITS(MACH_MSG_TYPE_COPY_SEND, 0);
    m.header.msgh_remote_port = port;
    EXPECT_CODE(MACH_MSG_SUCCESS, mach_msg(&m.header, MACH_SEND_MSG, sizeof m, 0, 0, 0, 0));
    const mach_msg_return_t wanted = options == 0 ? MACH_RCV_TOO_LARGE : MACH_MSG_SUCCESS;
    EXPECT_CODE(wanted, mach_msg_server_once(note, 64, port, options));
  }
  EXPECT_EQ(sizeof m, seen);
  EXPECT_TRUE(nothing_at(port));
}

// A server of another task, asked many times; at its end the clients are told.
CHECK(Server, ServesAnotherTaskUntilItsPortDies) {
  const mach_port_t port = new_port();
  Peer server([](const Line& line) {
    const auto name = static_cast<mach_port_t>(line.hear());
    // It waits when the port goes, or is about to.
    const mach_msg_return_t code = mach_msg_server(sample::demux, 256, name, MACH_RCV_LARGE);
    EXPECT_TRUE(code == MACH_RCV_PORT_CHANGED || code == MACH_RCV_INVALID_NAME) << code;
  });
  mach_port_insert_right(mach_task_self(), port, port, MACH_MSG_TYPE_MAKE_SEND);
  const mach_port_name_t there = server.give(port, MACH_MSG_TYPE_MOVE_RECEIVE);
  server.line().tell(there);
  for (int i = 0; i < 200; i++) {
    int sum = 0;
    EXPECT_CODE(KERN_SUCCESS, sample::add(port, "\1\1", i, &sum));
    EXPECT_EQ(i + 2, sum);
    uint32_t length = 0;
    EXPECT_CODE(KERN_SUCCESS, sample::length(port, "four", &length));
    EXPECT_EQ(4u, length);
  }
  EXPECT_EQ(1u, refs_of(port));
  const ipc_info_space_basic_t space = space_of(server.task());
  EXPECT_LE(space.iisb_table_inuse, 5u);
  EXPECT_CODE(KERN_SUCCESS, mach_port_mod_refs(server.task(), there, MACH_PORT_RIGHT_RECEIVE, -1));
  int sum = 0;
  EXPECT_CODE(MACH_SEND_INVALID_DEST, sample::add(port, "", 1, &sum));
}

CHECK(MigReplyPort, IsOneAThreadAndGoesWithIt) {
  const mach_port_t mine = mig_get_reply_port();
  EXPECT_EQ(MACH_PORT_TYPE_RECEIVE, type_of(mine));
  EXPECT_EQ(mine, mig_get_reply_port());
  mig_put_reply_port(mine);
  EXPECT_EQ(mine, mig_get_reply_port());
  mach_port_t other = MACH_PORT_NULL;
  std::thread([&] { other = mig_get_reply_port(); }).join();
  EXPECT_NE(mine, other);
  EXPECT_EQ(0u, type_of(other));
}

CHECK(MigReplyPort, IsGivenUpAndMadeAnew) {
  mig_dealloc_reply_port(MACH_PORT_NULL);
  const mach_port_t first = mig_get_reply_port(), other = new_port_with_sends(2);
  mig_dealloc_reply_port(first);
  EXPECT_EQ(0u, type_of(first));
  EXPECT_NE(first, mig_get_reply_port());
  mig_dealloc_reply_port(other);
  EXPECT_EQ(1u, refs_of(other));
}

CHECK(MigReplyPort, OfAForkedChildIsItsOwn) {
  const mach_port_t before = mig_get_reply_port();
  Peer child([=](const Line& line) {
    // A name that says the same is another's: nothing of the parent's is given up.
    const mach_port_t kept = new_port();
    mig_dealloc_reply_port(before);
    EXPECT_EQ(MACH_PORT_TYPE_RECEIVE, type_of(kept));
    const mach_port_t mine = mig_get_reply_port();
    EXPECT_EQ(MACH_PORT_TYPE_RECEIVE, type_of(mine));
    EXPECT_NE(kept, mine);
    line.wait();
  });
  child.end();
  EXPECT_EQ(before, mig_get_reply_port());
  EXPECT_EQ(MACH_PORT_TYPE_RECEIVE, type_of(before));
}

CHECK(MigHelpers, CopyStringsAndEndThem) {
  char text[8];
  std::memset(text, 'x', sizeof text);
  EXPECT_EQ(3, mig_strncpy(text, "ab", sizeof text));
  EXPECT_EQ(0, std::memcmp(text, "ab\0xxxxx", 8));
  EXPECT_EQ(8, mig_strncpy(text, "0123456789", sizeof text));
  EXPECT_STREQ("0123456", text);
  EXPECT_EQ(1, mig_strncpy(text, "abc", 1));
  EXPECT_STREQ("", text);
  EXPECT_EQ(0, mig_strncpy(text, "abc", 0));
  EXPECT_EQ(0, mig_strncpy(text, "abc", -1));
  EXPECT_EQ(3, mig_strncpy_zerofill(text, "ab", sizeof text));
  EXPECT_EQ(0, std::memcmp(text, "ab\0\0\0\0\0\0", 8));
  EXPECT_EQ(0, mig_strncpy_zerofill(text, nullptr, sizeof text));
  EXPECT_EQ(0, std::memcmp(text, "\0\0\0\0\0\0\0\0", 8));
}

CHECK(MigHelpers, AllocateAndSetUpReplies) {
  vm_address_t memory = 0;
  mig_allocate(&memory, 100);
  ASSERT_NE(0u, memory);
  EXPECT_EQ(0, *reinterpret_cast<char*>(memory));
  mig_deallocate(memory, 100);
  mig_allocate(&memory, ~vm_size_t{0});
  EXPECT_EQ(0u, memory);
  mach_msg_header_t request{};
  request.msgh_bits = MACH_MSGH_BITS(MACH_MSG_TYPE_PORT_SEND, MACH_MSG_TYPE_PORT_SEND_ONCE);
  request.msgh_remote_port = 0x103;
  request.msgh_local_port = 0x203;
  request.msgh_id = 500;
  mig_reply_error_t reply{};
  reply.RetCode = KERN_ABORTED;
  mig_reply_setup(&request, &reply.Head);
  EXPECT_EQ(unsigned{MACH_MSG_TYPE_PORT_SEND_ONCE}, reply.Head.msgh_bits);
  EXPECT_EQ(36u, reply.Head.msgh_size);
  EXPECT_EQ(0x203u, reply.Head.msgh_remote_port);
  EXPECT_EQ(MACH_PORT_NULL, reply.Head.msgh_local_port);
  EXPECT_EQ(600, reply.Head.msgh_id);
  EXPECT_EQ(0, std::memcmp(&reply.NDR, "\0\0\0\0\1\0\0\0", 8));
  EXPECT_EQ(KERN_ABORTED, reply.RetCode);
}

}  // namespace
}  // namespace checks
