// SPDX-License-Identifier: Apache-2.0
// Messages checks 74 to 80 and 88 to 92: messages destroyed, server loops, and MIG on the wire.
#include <unistd.h>

#include <cstring>

#include "checks/mig_sample.hpp"
#include "checks/words.hpp"

namespace checks {
namespace {

using sample::Once;

bool mapped(const void* address) {
  char byte = 0;
  mach_vm_size_t got = 0;
  return mach_vm_read_overwrite(mach_task_self(), reinterpret_cast<mach_vm_address_t>(address), 1,
                                reinterpret_cast<mach_vm_address_t>(&byte), &got) == KERN_SUCCESS;
}

CHECK(Messages, M074_DestroyingARequestReleasesAllItCarries) {
  const mach_port_t server = new_port_with_sends(1), reply = new_port(), carried = new_port_with_sends(3);
  const uint32_t names = space_of().iisb_table_inuse;
  static char data[5000];
  struct {
    mach_msg_header_t header;
    mach_msg_body_t body;
    mach_msg_port_descriptor_t port;
    mach_msg_ool_descriptor_t memory;
    char trailer[MAX_TRAILER_SIZE];
  } m{};
  m.header.msgh_bits =
      MACH_MSGH_BITS(MACH_MSG_TYPE_COPY_SEND, MACH_MSG_TYPE_MAKE_SEND_ONCE) | MACH_MSGH_BITS_COMPLEX;
  m.header.msgh_remote_port = server;
  m.header.msgh_local_port = reply;
  m.body.msgh_descriptor_count = 2;
  m.port.name = carried;
  m.port.disposition = MACH_MSG_TYPE_COPY_SEND;
  m.port.type = MACH_MSG_PORT_DESCRIPTOR;
  m.memory.address = data;
  m.memory.size = sizeof data;
  m.memory.copy = MACH_MSG_VIRTUAL_COPY;
  m.memory.type = MACH_MSG_OOL_DESCRIPTOR;
  const mach_msg_size_t size = sizeof m - sizeof m.trailer;
  EXPECT_CODE(MACH_MSG_SUCCESS,
              mach_msg(&m.header, MACH_SEND_MSG | MACH_RCV_MSG, size, sizeof m, server, 0, 0));
  EXPECT_EQ(4u, refs_of(carried));
  void* memory = m.memory.address;
  ASSERT_TRUE(mapped(memory));
  mach_msg_destroy(&m.header);
  EXPECT_FALSE(mapped(memory));
  EXPECT_EQ(3u, refs_of(carried));
  EXPECT_EQ(1u, refs_of(server));
  EXPECT_EQ(MACH_PORT_TYPE_SEND_RECEIVE, type_of(server));  // the local port
  EXPECT_EQ(names, space_of().iisb_table_inuse);
  EXPECT_EQ(MACH_NOTIFY_SEND_ONCE, next_id(reply));
}

CHECK(Messages, M075_DestroyingAnUnsentHeaderLeavesTheLocalPort) {
  const mach_port_t remote = new_port(), local = new_port();
  mach_msg_header_t header{};
  header.msgh_bits = MACH_MSGH_BITS(MACH_MSG_TYPE_MAKE_SEND_ONCE, MACH_MSG_TYPE_MAKE_SEND_ONCE);
  header.msgh_remote_port = remote;
  header.msgh_local_port = local;
  mach_msg_destroy(&header);
  EXPECT_EQ(MACH_NOTIFY_SEND_ONCE, next_id(remote));
  EXPECT_TRUE(nothing_at(local));
}

CHECK(Messages, M076_NoReplyKeepsTheRequestAnErrorReleasesIt) {
  static char data[6000];
  const mach_port_t carried = new_port_with_sends(1);
  sample::g_take_code = KERN_FAILURE;
  {
    Once server;
    EXPECT_CODE(KERN_FAILURE, sample::take(server.port(), carried, data, sizeof data));
    EXPECT_CODE(MACH_MSG_SUCCESS, server.code());
    EXPECT_EQ(36u, sample::g_seen.reply_size);
    EXPECT_EQ(1u, refs_of(carried));
  }
  // What took the request without a reply answers it itself, later.
  sample::g_take_code = MIG_NO_REPLY;
  Once server;
  std::thread later([&] {
    EXPECT_CODE(MACH_MSG_SUCCESS, server.code());
    EXPECT_EQ(2u, refs_of(carried));
    const mach_port_t reply = sample::g_seen.request.msgh_remote_port;
    EXPECT_EQ(MACH_PORT_TYPE_SEND_ONCE, type_of(reply));
    mig_reply_error_t late{};
    late.Head.msgh_bits = MACH_MSGH_BITS(MACH_MSG_TYPE_MOVE_SEND_ONCE, 0);
    late.Head.msgh_remote_port = reply;
    late.Head.msgh_id = sample::kTake + 100;
    late.RetCode = KERN_ABORTED;
    EXPECT_CODE(MACH_MSG_SUCCESS, mach_msg(&late.Head, MACH_SEND_MSG, sizeof late, 0, 0, 0, 0));
  });
  EXPECT_CODE(KERN_ABORTED, sample::take(server.port(), carried, data, sizeof data));
  later.join();
  drop_send(carried);
}

CHECK(Messages, M077_AnUnknownIdIsBadId) {
  Once server;
  struct {
    mach_msg_header_t header;
    uint32_t words[30];
  } m{};
  m.header.msgh_bits = MACH_MSGH_BITS(MACH_MSG_TYPE_COPY_SEND, MACH_MSG_TYPE_MAKE_SEND_ONCE);
  m.header.msgh_remote_port = server.port();
  m.header.msgh_id = sample::kEnd;
  EXPECT_CODE(MIG_BAD_ID,
              sample::exchange(&m.header, sizeof m.header, sizeof m, {sample::kEnd + 100, 36, 0}));
  EXPECT_CODE(MACH_MSG_SUCCESS, server.code());
}

CHECK(Messages, M078_ALostReplyRightIsServerDied) {
  Once server([](mach_msg_header_t* request, mach_msg_header_t* reply) -> boolean_t {
    mach_port_deallocate(mach_task_self(), request->msgh_remote_port);
    reinterpret_cast<mig_reply_error_t*>(reply)->RetCode = MIG_NO_REPLY;
    return TRUE;
  });
  int sum = 0;
  EXPECT_CODE(MIG_SERVER_DIED, sample::add(server.port(), "", 1, &sum));
}

// What a server that knows no rules answers to `add`.
struct Bad {
  int id = sample::kAdd + 100;
  mach_msg_size_t size = 40;
  bool complex = false;
  uint32_t descriptors = 0;
  mach_port_t local = MACH_PORT_NULL;
};
Bad g_bad;

boolean_t answer_badly(mach_msg_header_t* request, mach_msg_header_t* reply) {
  std::memset(reply, 0, 200);
  reply->msgh_bits = MACH_MSGH_BITS(MACH_MSGH_BITS_REMOTE(request->msgh_bits),
                                    g_bad.local != MACH_PORT_NULL ? MACH_MSG_TYPE_MAKE_SEND : 0) |
                     (g_bad.complex ? MACH_MSGH_BITS_COMPLEX : 0);
  reply->msgh_remote_port = request->msgh_remote_port;
  reply->msgh_local_port = g_bad.local;
  reply->msgh_id = g_bad.id;
  reply->msgh_size = g_bad.size;
  auto* base = reinterpret_cast<mach_msg_base_t*>(reply);
  if (g_bad.complex) base->body.msgh_descriptor_count = g_bad.descriptors;
  auto* port = reinterpret_cast<mach_msg_port_descriptor_t*>(base + 1);
  for (uint32_t i = 0; i < g_bad.descriptors; i++) {
    port[i].name = request->msgh_local_port;
    port[i].disposition = MACH_MSG_TYPE_MAKE_SEND;
    port[i].type = MACH_MSG_PORT_DESCRIPTOR;
  }
  return TRUE;
}

// The code that the client gets for a bad reply; names and references are as before.
kern_return_t refused(const Bad& bad) {
  mig_get_reply_port();
  const uint32_t names = space_of().iisb_table_inuse;
  kern_return_t code = KERN_SUCCESS;
  {
    g_bad = bad;
    Once server(answer_badly);
    int sum = 0;
    code = sample::add(server.port(), "\1\2", 3, &sum);
    EXPECT_CODE(MACH_MSG_SUCCESS, server.code());
    EXPECT_EQ(1u, refs_of(server.port()));
    EXPECT_EQ(0, sum);
  }
  // The server's thread's port goes, too; a reply port that the stub gave up for the failure counts again.
  mig_get_reply_port();
  EXPECT_TRUE(eventually([=] { return space_of().iisb_table_inuse == names; }));
  return code;
}

CHECK(Messages, M079_ARogueReplyIsRefused) {
  EXPECT_CODE(MIG_REPLY_MISMATCH, refused({.id = sample::kAdd + 101}));
  EXPECT_CODE(MIG_TYPE_ERROR, refused({.size = 44}));
  const mach_port_t extra = new_port();
  EXPECT_CODE(MIG_TYPE_ERROR, refused({.local = extra}));
  EXPECT_EQ(MACH_PORT_TYPE_RECEIVE, type_of(extra));
}

CHECK(MigReplies, HostileOnesAreRefusedAndLeakNothing) {
  EXPECT_CODE(MIG_TYPE_ERROR, refused({.size = 24}));
  EXPECT_CODE(MIG_TYPE_ERROR, refused({.size = 36}));  // an error reply that says success
  EXPECT_CODE(MIG_TYPE_ERROR, refused({.size = 100}));
  EXPECT_CODE(MIG_TYPE_ERROR, refused({.size = 28 + 12, .complex = true, .descriptors = 1}));
  EXPECT_CODE(MIG_TYPE_ERROR, refused({.size = 28 + 24, .complex = true, .descriptors = 2}));
  EXPECT_CODE(MIG_TYPE_ERROR, refused({.size = 40, .complex = true}));
  EXPECT_CODE(MACH_RCV_TOO_LARGE, refused({.size = 260}));
}

CHECK(Messages, M080_AClientThatDoesNotReadDoesNotBlockTheServer) {
  const mach_port_t server = new_port_with_sends(1), full = new_port_with_sends(1);
  set_queue_limit(full, 1);
  send_id(full, 1);
  Blocked loop([=] { return mach_msg_server(sample::demux, 256, server, 0); });
  // Its reply goes to a plain send right, and there is no room.
  struct {
    mach_msg_header_t header;
    uint32_t words[5];
  } m{};
  m.header.msgh_bits = MACH_MSGH_BITS(MACH_MSG_TYPE_COPY_SEND, MACH_MSG_TYPE_COPY_SEND);
  m.header.msgh_remote_port = server;
  m.header.msgh_local_port = full;
  m.header.msgh_id = sample::kAdd;
  EXPECT_CODE(MACH_MSG_SUCCESS, mach_msg(&m.header, MACH_SEND_MSG, 40, 0, 0, 0, 0));
  int sum = 0;
  EXPECT_CODE(KERN_SUCCESS, sample::add(server, "\1\2\3", 4, &sum));
  EXPECT_EQ(10, sum);
  EXPECT_EQ(1u, status_of(full).mps_msgcount);
  EXPECT_EQ(1u, refs_of(full));
  drop_receive(server);
  // It waits when the port goes, or is about to.
  const mach_msg_return_t code = loop.code();
  EXPECT_TRUE(code == MACH_RCV_PORT_CHANGED || code == MACH_RCV_INVALID_NAME) << code;
}

CHECK(Messages, M088_ACountedArrayIsAsLongAsItsElements) {
  Once server;
  int sum = 0;
  EXPECT_CODE(KERN_SUCCESS, sample::add(server.port(), std::string("\1\2\3\4\5"), 100, &sum));
  EXPECT_EQ(115, sum);
  EXPECT_EQ(48u, sample::g_seen.request.msgh_size);
  EXPECT_EQ(100u, sample::g_seen.words[(44 - 24) / 4]);
  EXPECT_CODE(MIG_ARRAY_TOO_LARGE, sample::add(server.port(), std::string(11, 'x'), 0, &sum));
}

CHECK(Messages, M089_AVaryingStringHasOffsetAndLength) {
  Once server;
  uint32_t length = 0;
  EXPECT_CODE(KERN_SUCCESS, sample::length(server.port(), "ab", &length));
  EXPECT_EQ(2u, length);
  EXPECT_EQ(24u + 8 + 8 + 4, sample::g_seen.request.msgh_size);
  EXPECT_EQ(0u, sample::g_seen.words[2]);
  EXPECT_EQ(3u, sample::g_seen.words[3]);
  EXPECT_EQ(0, std::memcmp(sample::g_seen.words + 4, "ab\0\0", 4));
}

CHECK(Messages, M090_AReplyWithOnlyAPortHasNoRecordAndNoCode) {
  Once server;
  const mach_port_t given = new_port();
  sample::g_port_to_give = given;
  mach_port_t port = MACH_PORT_NULL;
  EXPECT_CODE(KERN_SUCCESS, sample::make_port(server.port(), &port));
  EXPECT_EQ(40u, sample::g_seen.reply_size);
  EXPECT_EQ(MACH_PORT_TYPE_RECEIVE, type_of(port));
}

CHECK(Messages, M091_AnErrorReplyIsSimpleWhateverTheRoutine) {
  Once server;
  mach_port_t port = MACH_PORT_NULL;
  EXPECT_CODE(KERN_FAILURE, sample::make_port(server.port(), &port));
  EXPECT_EQ(36u, sample::g_seen.reply_size);
  EXPECT_EQ(0u, sample::g_seen.reply_bits & MACH_MSGH_BITS_COMPLEX);
}

CHECK(Messages, M092_ASimpleroutineIsNeverAnswered) {
  {
    Once server;
    EXPECT_CODE(MACH_MSG_SUCCESS, sample::poke(server.port(), 42));
    EXPECT_CODE(MACH_MSG_SUCCESS, server.code());
    EXPECT_EQ(42, sample::g_seen.poked);
    EXPECT_EQ(0u, MACH_MSGH_BITS_REMOTE(sample::g_seen.request.msgh_bits));
    EXPECT_EQ(MACH_PORT_NULL, sample::g_seen.request.msgh_remote_port);
  }
  Once server;
  mach_msg_header_t header{};
  header.msgh_bits = MACH_MSGH_BITS(MACH_MSG_TYPE_COPY_SEND, 0);
  header.msgh_remote_port = server.port();
  header.msgh_id = sample::kEnd;
  EXPECT_CODE(MACH_MSG_SUCCESS, mach_msg(&header, MACH_SEND_MSG, sizeof header, 0, 0, 0, 0));
  EXPECT_CODE(MACH_MSG_SUCCESS, server.code());
}

}  // namespace
}  // namespace checks
