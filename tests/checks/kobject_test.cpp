// SPDX-License-Identifier: Apache-2.0
// Ports 1.4 and 12: what ports of the kernel's answer to messages, in MIG's format.
#include <unistd.h>

#include <cstring>

#include "checks/words.hpp"

namespace checks {
namespace {

struct Reply {
  mach_msg_header_t header;
  uint32_t words[160];  // behind the header; the trailer, too
  // The results of a simple reply.
  uint32_t out(unsigned n) const { return words[3 + n]; }
  uint64_t out64(unsigned n) const { return out(n) | uint64_t{out(n + 1)} << 32; }
};

uint32_t low(uint64_t value) { return static_cast<uint32_t>(value); }
uint32_t high(uint64_t value) { return static_cast<uint32_t>(value >> 32); }
uint64_t number(const void* address) { return reinterpret_cast<uint64_t>(address); }

// A request as a stub would make it.
class Ask {
 public:
  Ask(mach_port_t object, mach_msg_id_t id, std::initializer_list<uint32_t> words = {}) {
    message_.header.msgh_bits = MACH_MSGH_BITS(MACH_MSG_TYPE_COPY_SEND, MACH_MSG_TYPE_MAKE_SEND_ONCE);
    message_.header.msgh_remote_port = object;
    message_.header.msgh_id = id;
    inline_.assign(words);
  }
  Ask& right(mach_port_t name, mach_msg_type_name_t disposition) {
    mach_msg_port_descriptor_t port{};
    port.name = name;
    port.disposition = static_cast<uint8_t>(disposition);
    port.type = MACH_MSG_PORT_DESCRIPTOR;
    return descriptor(&port, sizeof port);
  }
  Ask& memory(const void* address, uint32_t size) {
    mach_msg_ool_descriptor_t memory{};
    memory.address = const_cast<void*>(address);
    memory.size = size;
    memory.copy = MACH_MSG_VIRTUAL_COPY;
    memory.type = MACH_MSG_OOL_DESCRIPTOR;
    return descriptor(&memory, sizeof memory);
  }
  // The code of the reply, or what kept it from coming.
  kern_return_t of(Reply& reply, unsigned more_words = 0) {
    uint32_t at = 0;
    if (count_ != 0) {
      message_.header.msgh_bits |= MACH_MSGH_BITS_COMPLEX;
      message_.words[at++] = count_;
      std::memcpy(message_.words + at, descriptors_.data(), descriptors_.size());
      at += static_cast<uint32_t>(descriptors_.size() / 4);
    }
    if (!inline_.empty()) {
      std::memcpy(message_.words + at, &NDR_record, sizeof NDR_record);
      at += 2;
      for (const uint32_t word : inline_) message_.words[at++] = word;
    }
    message_.header.msgh_local_port = mig_get_reply_port();
    const mach_msg_return_t code = mach_msg(
        &message_.header, MACH_SEND_MSG | MACH_RCV_MSG, sizeof message_.header + 4 * (at + more_words),
        sizeof message_, message_.header.msgh_local_port, MACH_MSG_TIMEOUT_NONE, MACH_PORT_NULL);
    reply = message_;
    if (code != MACH_MSG_SUCCESS) return code;
    EXPECT_EQ(MACH_PORT_NULL, reply.header.msgh_remote_port);
    if ((reply.header.msgh_bits & MACH_MSGH_BITS_COMPLEX) != 0) return KERN_SUCCESS;
    EXPECT_EQ(0, std::memcmp(reply.words, &NDR_record, sizeof NDR_record));
    return static_cast<kern_return_t>(reply.words[2]);
  }

 private:
  Ask& descriptor(const void* bytes, size_t size) {
    const auto* from = static_cast<const char*>(bytes);
    descriptors_.insert(descriptors_.end(), from, from + size);
    count_++;
    return *this;
  }
  Reply message_{};
  uint32_t count_ = 0;
  std::vector<char> descriptors_;
  std::vector<uint32_t> inline_;
};

kern_return_t ask(Reply& reply, mach_port_t object, mach_msg_id_t id,
                  std::initializer_list<uint32_t> words = {}) {
  const kern_return_t code = Ask(object, id, words).of(reply);
  EXPECT_EQ(id + 100, reply.header.msgh_id);
  return code;
}

template <class T>
T descriptor_of(const Reply& reply, unsigned word = 1) {
  T value;
  std::memcpy(&value, reply.words + word, sizeof value);
  return value;
}

CHECK(KernelObjects, RepliesHaveTheFormThatStubsExpect) {
  const mach_port_t self = mach_task_self();
  Reply r;
  EXPECT_CODE(KERN_SUCCESS, ask(r, self, 3204, {MACH_PORT_RIGHT_RECEIVE}));
  EXPECT_EQ(40u, r.header.msgh_size);
  EXPECT_EQ(MACH_PORT_TYPE_RECEIVE, type_of(r.out(0)));
  EXPECT_CODE(KERN_INVALID_VALUE, ask(r, self, 3204, {MACH_PORT_RIGHT_SEND}));
  EXPECT_EQ(36u, r.header.msgh_size);
  EXPECT_CODE(KERN_SUCCESS, ask(r, self, 3235));
  EXPECT_EQ(60u, r.header.msgh_size);
  EXPECT_EQ(space_of().iisb_table_inuse, r.out(3));
}

CHECK(KernelObjects, MalformedRequestsAreRefused) {
  const mach_port_t self = mach_task_self(), port = new_port(), host = mach_host_self();
  const uint32_t names = space_of().iisb_table_inuse;
  Reply r;
  EXPECT_CODE(MIG_BAD_ID, ask(r, self, 3202, {port, port}));
  EXPECT_CODE(MIG_BAD_ID, ask(r, self, 3199));
  EXPECT_CODE(MIG_BAD_ID, ask(r, self, 99999));
  EXPECT_CODE(MIG_BAD_ARGUMENTS, ask(r, self, 3201));
  EXPECT_CODE(MIG_BAD_ARGUMENTS, ask(r, self, 3201, {port, 0}));
  EXPECT_CODE(MIG_BAD_ARGUMENTS, Ask(self, 3201, {port}).right(port, MACH_MSG_TYPE_MAKE_SEND).of(r));
  EXPECT_CODE(MIG_BAD_ARGUMENTS, ask(r, self, 3214, {0x5003}));
  EXPECT_CODE(MIG_TYPE_ERROR, Ask(self, 3231, {0, 0}).memory(&r, 4).of(r));
  EXPECT_CODE(MIG_BAD_ARGUMENTS, Ask(self, 3214, {0x5003}).memory(&r, 4).of(r));  // 4 bytes too long, too
  EXPECT_CODE(MIG_BAD_ARGUMENTS, ask(r, self, 3218, {port, MACH_PORT_LIMITS_INFO, 2, 1}));
  // Ports of other objects (ports 6.1).
  EXPECT_CODE(KERN_INVALID_TASK, ask(r, host, 3204, {MACH_PORT_RIGHT_RECEIVE}));
  EXPECT_CODE(KERN_INVALID_ARGUMENT, ask(r, host, 3217, {port, MACH_PORT_LIMITS_INFO, 1}));
  EXPECT_CODE(KERN_INVALID_ARGUMENT, ask(r, mach_thread_self(), 3409, {TASK_NAME_PORT}));
  EXPECT_CODE(KERN_INVALID_ARGUMENT, ask(r, self, 202));
  EXPECT_CODE(KERN_SUCCESS, ask(r, host, 202));
  EXPECT_EQ(static_cast<uint64_t>(getpagesize()), r.out64(0));
  EXPECT_EQ(0u, status_of(port).mps_srights);
  EXPECT_EQ(names + 2, space_of().iisb_table_inuse);  // the reply port and the thread
}

CHECK(KernelObjects, CallsOnNamesAreTheTraps) {
  const mach_port_t self = mach_task_self(), port = new_port_with_sends(2), set = new_set();
  Reply r;
  EXPECT_CODE(KERN_SUCCESS, ask(r, self, 3201, {port}));
  EXPECT_EQ(MACH_PORT_TYPE_SEND_RECEIVE, r.out(0));
  EXPECT_CODE(KERN_INVALID_NAME, ask(r, self, 3201, {0x7703}));
  EXPECT_CODE(KERN_SUCCESS, ask(r, self, 3208, {port, MACH_PORT_RIGHT_SEND, 3}));
  EXPECT_CODE(KERN_SUCCESS, ask(r, self, 3207, {port, MACH_PORT_RIGHT_SEND}));
  EXPECT_EQ(5u, r.out(0));
  EXPECT_CODE(KERN_SUCCESS, ask(r, self, 3206, {port}));
  EXPECT_EQ(4u, refs_of(port));
  EXPECT_CODE(KERN_SUCCESS, ask(r, self, 3222, {port}));
  EXPECT_EQ(1u, r.out(0));
  EXPECT_CODE(KERN_SUCCESS, ask(r, self, 3210, {port, 77}));
  EXPECT_CODE(KERN_SUCCESS, ask(r, self, 3216, {port, 9}));
  EXPECT_CODE(KERN_SUCCESS, ask(r, self, 3218, {port, MACH_PORT_LIMITS_INFO, 1, 3}));
  EXPECT_CODE(KERN_SUCCESS,
              ask(r, self, 3217, {port, MACH_PORT_RECEIVE_STATUS, MACH_PORT_RECEIVE_STATUS_COUNT}));
  EXPECT_EQ(10u, r.out(0));
  EXPECT_EQ(40u + 40u, r.header.msgh_size);
  mach_port_status_t status;
  std::memcpy(&status, &r.words[4], sizeof status);
  EXPECT_EQ(77u, status.mps_mscount);
  EXPECT_EQ(9u, status.mps_seqno);
  EXPECT_EQ(3u, status.mps_qlimit);
  EXPECT_CODE(KERN_FAILURE, ask(r, self, 3217, {port, MACH_PORT_RECEIVE_STATUS, 9}));

  EXPECT_CODE(KERN_SUCCESS, ask(r, self, 3226, {port, set}));
  EXPECT_CODE(KERN_ALREADY_IN_SET, ask(r, self, 3226, {port, set}));
  EXPECT_CODE(KERN_SUCCESS, ask(r, self, 3211, {set}));
  const auto members = descriptor_of<mach_msg_ool_descriptor_t>(r);
  EXPECT_EQ(4u, members.size);
  EXPECT_EQ(56u, r.header.msgh_size);
  EXPECT_EQ(1u, r.words[1 + 4 + 2]);
  EXPECT_EQ(port, *static_cast<mach_port_name_t*>(members.address));
  mach_msg_destroy(&r.header);
  EXPECT_CODE(KERN_SUCCESS, ask(r, self, 3227, {port, set}));
  EXPECT_CODE(KERN_NOT_IN_SET, ask(r, self, 3212, {port, MACH_PORT_NULL}));

  EXPECT_CODE(KERN_SUCCESS, ask(r, self, 3229, {port, 5, 6}));
  EXPECT_CODE(KERN_SUCCESS, ask(r, self, 3228, {port}));
  EXPECT_EQ(5u | uint64_t{6} << 32, r.out64(0));
  EXPECT_CODE(KERN_SUCCESS, ask(r, self, 3229, {port, 0, 0}));
  EXPECT_CODE(KERN_SUCCESS, ask(r, self, 3233, {port, 8, 0, FALSE}));
  EXPECT_CODE(KERN_SUCCESS, ask(r, self, 3238, {port, 8, 0, 9, 0}));
  EXPECT_CODE(KERN_INVALID_ARGUMENT, ask(r, self, 3234, {port, 8, 0}));
  EXPECT_CODE(KERN_SUCCESS, ask(r, self, 3234, {port, 9, 0}));
  EXPECT_CODE(KERN_SUCCESS, ask(r, self, 3237, {port, 1, 0, MPG_STRICT, 0}));
  EXPECT_CODE(KERN_SUCCESS, ask(r, self, 3230, {self}));
  EXPECT_EQ(2u, r.out(0));
  EXPECT_CODE(KERN_SUCCESS, ask(r, self, 3224, {port}));
  EXPECT_EQ(0u, r.out(1));
  EXPECT_CODE(KERN_INVALID_VALUE, ask(r, self, 3232, {port, low(static_cast<uint64_t>(-5)), 1, 0}));
  EXPECT_CODE(KERN_SUCCESS, ask(r, self, 3232, {port, low(static_cast<uint64_t>(-4)), 1, 0}));
  EXPECT_EQ(0u, type_of(port));
  EXPECT_CODE(KERN_SUCCESS, ask(r, self, 3205, {set}));
  EXPECT_EQ(0u, type_of(set));
  EXPECT_CODE(KERN_SUCCESS, ask(r, self, 3221, {500}));
}

CHECK(KernelObjects, NamesAreAllocatedInEveryWay) {
  const mach_port_t self = mach_task_self();
  Reply r;
  EXPECT_CODE(KERN_SUCCESS, ask(r, self, 3203, {MACH_PORT_RIGHT_RECEIVE, 0x5003}));
  EXPECT_EQ(MACH_PORT_TYPE_RECEIVE, type_of(0x5003));
  EXPECT_CODE(KERN_NAME_EXISTS, ask(r, self, 3203, {MACH_PORT_RIGHT_RECEIVE, 0x5003}));
  EXPECT_CODE(KERN_SUCCESS, ask(r, self, 3219, {MACH_PORT_RIGHT_RECEIVE, 0, 0}));
  EXPECT_EQ(MACH_PORT_TYPE_RECEIVE, type_of(r.out(2)));
  EXPECT_CODE(KERN_INVALID_ARGUMENT, ask(r, self, 3219, {MACH_PORT_RIGHT_RECEIVE, 1, 0}));
  EXPECT_CODE(KERN_SUCCESS, Ask(self, 3220, {MACH_PORT_RIGHT_PORT_SET, 1, 0, 0x6003}).right(0, 19).of(r));
  EXPECT_EQ(MACH_PORT_TYPE_PORT_SET, type_of(0x6003));
  EXPECT_CODE(KERN_INVALID_VALUE,
              Ask(self, 3220, {MACH_PORT_RIGHT_PORT_SET, 0, 0, 0}).right(0x5003, 20).of(r));
  mach_port_options_t options{};
  options.flags = MPO_INSERT_SEND_RIGHT | MPO_QLIMIT | MPO_CONTEXT_AS_GUARD;
  options.mpl.mpl_qlimit = 7;
  EXPECT_CODE(KERN_SUCCESS, Ask(self, 3231, {11, 12}).memory(&options, sizeof options).of(r));
  EXPECT_EQ(MACH_PORT_TYPE_SEND_RECEIVE, type_of(r.out(0)));
  EXPECT_EQ(7u, status_of(r.out(0)).mps_qlimit);
  EXPECT_CODE(KERN_SUCCESS, mach_port_unguard(self, r.out(0), 11 | uint64_t{12} << 32));
}

CHECK(KernelObjects, TablesComeOutOfLine) {
  const mach_port_t self = mach_task_self();
  for (int i = 0; i < 200; i++) new_port();
  mig_get_reply_port();
  const uint32_t used = space_of().iisb_table_inuse, slots = space_of().iisb_table_size;
  Reply r;
  EXPECT_CODE(KERN_SUCCESS, ask(r, self, 3200));
  EXPECT_EQ(76u, r.header.msgh_size);
  const auto names = descriptor_of<mach_msg_ool_descriptor_t>(r),
             types = descriptor_of<mach_msg_ool_descriptor_t>(r, 5);
  EXPECT_EQ(used * 4, names.size);
  EXPECT_EQ(used * 4, types.size);
  EXPECT_EQ(used, r.words[11]);
  EXPECT_EQ(used, r.words[12]);
  EXPECT_EQ(self, static_cast<mach_port_name_t*>(names.address)[0]);
  EXPECT_EQ(type_of(self), static_cast<mach_port_type_t*>(types.address)[0]);
  mach_msg_destroy(&r.header);
  EXPECT_CODE(KERN_SUCCESS, ask(r, self, 3223));
  EXPECT_EQ(100u, r.header.msgh_size);
  EXPECT_EQ(slots * sizeof(ipc_info_name_t), descriptor_of<mach_msg_ool_descriptor_t>(r).size);
  EXPECT_EQ(0u, descriptor_of<mach_msg_ool_descriptor_t>(r, 5).size);
  EXPECT_EQ(slots, r.words[11 + 6]);
  mach_msg_destroy(&r.header);
}

CHECK(KernelObjects, RightsGoInAndOut) {
  const mach_port_t self = mach_task_self(), port = new_port_with_sends(1), watcher = new_port();
  Reply r;
  EXPECT_CODE(KERN_RIGHT_EXISTS, Ask(self, 3214, {0x5003}).right(port, MACH_MSG_TYPE_COPY_SEND).of(r));
  EXPECT_CODE(KERN_SUCCESS, Ask(self, 3214, {port}).right(port, MACH_MSG_TYPE_COPY_SEND).of(r));
  EXPECT_EQ(2u, refs_of(port));
  EXPECT_CODE(KERN_SUCCESS, Ask(self, 3214, {0x5003}).right(port, MACH_MSG_TYPE_MAKE_SEND_ONCE).of(r));
  EXPECT_EQ(MACH_PORT_TYPE_SEND_ONCE, type_of(0x5003));
  // A right that found no place is destroyed (ports 6.4).
  EXPECT_CODE(KERN_NAME_EXISTS, Ask(self, 3214, {0x5003}).right(port, MACH_MSG_TYPE_MAKE_SEND_ONCE).of(r));
  EXPECT_EQ(MACH_NOTIFY_SEND_ONCE, next_id(port));
  EXPECT_CODE(KERN_INVALID_CAPABILITY,
              Ask(self, 3214, {0x7003}).right(MACH_PORT_NULL, MACH_MSG_TYPE_COPY_SEND).of(r));
  EXPECT_CODE(KERN_SUCCESS, Ask(self, 3214, {port}).right(port, MACH_MSG_TYPE_MOVE_RECEIVE).of(r));
  EXPECT_EQ(MACH_PORT_TYPE_SEND_RECEIVE, type_of(port));

  EXPECT_CODE(KERN_SUCCESS, ask(r, self, 3215, {port, MACH_MSG_TYPE_MAKE_SEND}));
  EXPECT_EQ(40u, r.header.msgh_size);
  EXPECT_EQ(port, descriptor_of<mach_msg_port_descriptor_t>(r).name);
  EXPECT_EQ(unsigned{MACH_MSG_TYPE_PORT_SEND}, descriptor_of<mach_msg_port_descriptor_t>(r).disposition);
  EXPECT_EQ(3u, refs_of(port));
  EXPECT_CODE(KERN_SUCCESS, ask(r, self, 3215, {watcher, MACH_MSG_TYPE_MOVE_RECEIVE}));
  const mach_port_t moved = descriptor_of<mach_msg_port_descriptor_t>(r).name;
  EXPECT_EQ(MACH_PORT_TYPE_RECEIVE, type_of(moved));
  EXPECT_CODE(KERN_INVALID_NAME, ask(r, self, 3215, {0x7703, MACH_MSG_TYPE_MAKE_SEND}));
  EXPECT_CODE(KERN_INVALID_RIGHT, ask(r, self, 3215, {moved, MACH_MSG_TYPE_COPY_SEND}));
  EXPECT_CODE(KERN_INVALID_RIGHT, ask(r, self, 3215, {MACH_PORT_NULL, MACH_MSG_TYPE_COPY_SEND}));
  EXPECT_CODE(KERN_INVALID_VALUE, ask(r, self, 3215, {moved, 22}));
  const mach_port_t dead = new_dead_name(2);
  EXPECT_CODE(KERN_SUCCESS, ask(r, self, 3215, {dead, MACH_MSG_TYPE_MOVE_SEND}));
  EXPECT_EQ(MACH_PORT_DEAD, descriptor_of<mach_msg_port_descriptor_t>(r).name);
  EXPECT_EQ(1u, refs_of(dead, MACH_PORT_RIGHT_DEAD_NAME));
}

// The reply would carry the right to receive it: nobody gets either.
CHECK(KernelObjects, AReplyThatCarriesItsOwnPortDies) {
  const mach_port_t self = mach_task_self(), reply = new_port_with_sends(1);
  Reply m{};
  m.header.msgh_bits = MACH_MSGH_BITS(MACH_MSG_TYPE_COPY_SEND, MACH_MSG_TYPE_MAKE_SEND_ONCE);
  m.header.msgh_remote_port = self;
  m.header.msgh_local_port = reply;
  m.header.msgh_id = 3215;
  m.words[2] = reply;
  m.words[3] = MACH_MSG_TYPE_MOVE_RECEIVE;
  EXPECT_CODE(MACH_MSG_SUCCESS, mach_msg(&m.header, MACH_SEND_MSG, 40, 0, 0, 0, 0));
  EXPECT_EQ(MACH_PORT_TYPE_DEAD_NAME, type_of(reply));
}

CHECK(KernelObjects, NobodyNeedsToBeAnswered) {
  const mach_port_t self = mach_task_self(), port = new_port();
  mach_port_insert_right(self, port, port, MACH_MSG_TYPE_MAKE_SEND);
  Reply m{};
  // No reply port; a kernel's port as reply port; one that is full.
  set_queue_limit(port, 1);
  send_id(port, 5);
  for (const mach_port_t reply : {mach_port_t{MACH_PORT_NULL}, self, port}) {
    m.header.msgh_bits =
        MACH_MSGH_BITS(MACH_MSG_TYPE_COPY_SEND, reply == MACH_PORT_NULL ? 0 : MACH_MSG_TYPE_COPY_SEND);
    m.header.msgh_remote_port = self;
    m.header.msgh_local_port = reply;
    m.header.msgh_id = 3208;
    m.words[2] = port;
    m.words[3] = MACH_PORT_RIGHT_SEND;
    m.words[4] = 1;
    EXPECT_CODE(MACH_MSG_SUCCESS, mach_msg(&m.header, MACH_SEND_MSG, 44, 0, 0, 0, 0));
  }
  EXPECT_EQ(4u, refs_of(port));
  EXPECT_EQ(2u, status_of(port).mps_msgcount);  // the kernel's replies do not mind the limit
}

CHECK(KernelObjects, NotificationsAreAskedFor) {
  const mach_port_t self = mach_task_self(), port = new_port_with_sends(1), first = new_port(),
                    second = new_port();
  Reply r;
  auto request = [&](mach_port_t notify, mach_msg_type_name_t disposition) {
    return Ask(self, 3213, {port, MACH_NOTIFY_NO_SENDERS, 0}).right(notify, disposition).of(r);
  };
  EXPECT_CODE(KERN_SUCCESS, request(first, MACH_MSG_TYPE_MAKE_SEND_ONCE));
  EXPECT_EQ(MACH_PORT_NULL, descriptor_of<mach_msg_port_descriptor_t>(r).name);
  EXPECT_CODE(KERN_SUCCESS, request(second, MACH_MSG_TYPE_MAKE_SEND_ONCE));
  const mach_port_t previous = descriptor_of<mach_msg_port_descriptor_t>(r).name;
  EXPECT_EQ(MACH_PORT_TYPE_SEND_ONCE, type_of(previous));
  mach_msg_destroy(&r.header);
  EXPECT_EQ(MACH_NOTIFY_SEND_ONCE, next_id(first));
  EXPECT_CODE(MIG_TYPE_ERROR, request(first, MACH_MSG_TYPE_MAKE_SEND));
  EXPECT_CODE(KERN_INVALID_VALUE,
              Ask(self, 3213, {port, 12345, 0}).right(first, MACH_MSG_TYPE_MAKE_SEND_ONCE).of(r));
  EXPECT_EQ(MACH_NOTIFY_SEND_ONCE, next_id(first));
  drop_send(port);
  EXPECT_EQ(MACH_NOTIFY_NO_SENDERS, next_id(second));
  Received peeked;
  send_id(port, 88);
  EXPECT_CODE(KERN_SUCCESS, ask(r, self, 3209, {port, 3u << 24, 0, 68}));
  EXPECT_EQ(36u + 16 + 52, r.header.msgh_size);
  EXPECT_EQ(88u, r.out(2));
  EXPECT_EQ(52u, r.out(3));
  Reply refused;
  EXPECT_CODE(KERN_INVALID_VALUE, ask(refused, self, 3209, {port, 3u << 24, 0, 51}));
  EXPECT_CODE(MACH_MSG_SUCCESS, receive(peeked, port));
  EXPECT_EQ(0, std::memcmp(&r.words[3 + 4 + 2], &peeked.trailer().msgh_seqno, 44));
}

CHECK(KernelObjects, TasksHaveSpecialAndRegisteredPorts) {
  const mach_port_t self = mach_task_self(), port = new_port_with_sends(1), host = mach_host_self();
  Reply r;
  EXPECT_CODE(KERN_SUCCESS,
              Ask(self, 3410, {TASK_BOOTSTRAP_PORT}).right(port, MACH_MSG_TYPE_COPY_SEND).of(r));
  EXPECT_CODE(KERN_SUCCESS, ask(r, self, 3409, {TASK_BOOTSTRAP_PORT}));
  EXPECT_EQ(port, descriptor_of<mach_msg_port_descriptor_t>(r).name);
  EXPECT_EQ(2u, refs_of(port));
  EXPECT_CODE(KERN_NO_ACCESS, Ask(self, 3410, {TASK_KERNEL_PORT}).right(port, MACH_MSG_TYPE_COPY_SEND).of(r));
  EXPECT_CODE(KERN_INVALID_ARGUMENT, ask(r, self, 3409, {99}));
  EXPECT_CODE(MIG_TYPE_ERROR,
              Ask(self, 3410, {TASK_ACCESS_PORT}).right(port, MACH_MSG_TYPE_MAKE_SEND_ONCE).of(r));
  EXPECT_EQ(MACH_NOTIFY_SEND_ONCE, next_id(port));

  EXPECT_CODE(KERN_SUCCESS,
              Ask(self, 3403).right(port, MACH_MSG_TYPE_COPY_SEND).right(0, 19).right(host, 19).of(r));
  EXPECT_CODE(KERN_SUCCESS, ask(r, self, 3404));
  EXPECT_EQ(64u, r.header.msgh_size);
  EXPECT_EQ(port, descriptor_of<mach_msg_port_descriptor_t>(r, 1).name);
  EXPECT_EQ(MACH_PORT_NULL, descriptor_of<mach_msg_port_descriptor_t>(r, 4).name);
  EXPECT_EQ(host, descriptor_of<mach_msg_port_descriptor_t>(r, 7).name);
  EXPECT_EQ(3u, refs_of(port));
  EXPECT_CODE(KERN_SUCCESS, Ask(self, 3403).right(0, 19).right(0, 19).right(0, 19).of(r));

  EXPECT_CODE(KERN_SUCCESS, ask(r, self, 3405, {TASK_AUDIT_TOKEN, TASK_AUDIT_TOKEN_COUNT}));
  EXPECT_EQ(8u, r.out(0));
  EXPECT_EQ(static_cast<uint32_t>(getpid()), r.out(1 + 5));
  EXPECT_CODE(KERN_INVALID_ARGUMENT, ask(r, self, 3405, {TASK_AUDIT_TOKEN, 7}));
  EXPECT_CODE(KERN_INVALID_ARGUMENT, ask(r, self, 3406, {TASK_AUDIT_TOKEN, 1, 0}));
  EXPECT_CODE(KERN_SUCCESS, ask(r, self, 3402));
  const auto threads = descriptor_of<mach_msg_ool_ports_descriptor_t>(r);
  EXPECT_EQ(1u, threads.count);
  EXPECT_EQ(56u, r.header.msgh_size);
  EXPECT_EQ(mach_thread_self(), *static_cast<mach_port_t*>(threads.address));
  EXPECT_EQ(2u, refs_of(*static_cast<mach_port_t*>(threads.address)));
}

CHECK(KernelObjects, MemoryIsAllocatedAndCopied) {
  const mach_port_t self = mach_task_self();
  Reply r;
  EXPECT_CODE(KERN_SUCCESS, ask(r, self, 4800, {0, 0, 20000, 0, VM_FLAGS_ANYWHERE}));
  EXPECT_EQ(44u, r.header.msgh_size);
  const uint64_t at = r.out64(0);
  std::string text(9000, 'y');
  EXPECT_CODE(KERN_SUCCESS,
              Ask(self, 4806, {low(at + 3), high(at + 3), 9000}).memory(text.data(), 9000).of(r));
  EXPECT_EQ(0, std::memcmp(reinterpret_cast<void*>(at + 3), text.data(), 9000));
  EXPECT_CODE(MIG_TYPE_ERROR, Ask(self, 4806, {low(at), high(at), 8999}).memory(text.data(), 9000).of(r));
  EXPECT_CODE(KERN_SUCCESS,
              ask(r, self, 4807, {low(at), high(at), 100, 0, low(at + 10000), high(at + 10000)}));
  EXPECT_CODE(KERN_SUCCESS, ask(r, self, 4804, {low(at + 10001), high(at + 10001), 5, 0}));
  EXPECT_EQ(56u, r.header.msgh_size);
  EXPECT_EQ(5u, r.words[1 + 4 + 2]);
  EXPECT_EQ(0, std::memcmp(descriptor_of<mach_msg_ool_descriptor_t>(r).address, "\0\0yyy", 5));
  mach_msg_destroy(&r.header);
  char here[4] = {};
  EXPECT_CODE(KERN_SUCCESS,
              ask(r, self, 4808, {low(at + 3), high(at + 3), 4, 0, low(number(here)), high(number(here))}));
  EXPECT_EQ(4u, r.out64(0));
  EXPECT_EQ(0, std::memcmp(here, "yyyy", 4));
  EXPECT_CODE(KERN_SUCCESS, ask(r, self, 4802, {low(at), high(at), 20000, 0, FALSE, VM_PROT_READ}));
  EXPECT_CODE(KERN_SUCCESS, ask(r, self, 4816, {low(at + 5), high(at + 5), VM_REGION_BASIC_INFO_64, 9}));
  EXPECT_EQ(24u + 4 + 12 + 8 + 20 + 36, r.header.msgh_size);
  EXPECT_EQ(at, r.words[6] | uint64_t{r.words[7]} << 32);
  EXPECT_EQ(20480u, r.words[8]);
  EXPECT_EQ(static_cast<uint32_t>(VM_PROT_READ), r.words[11]);
  EXPECT_CODE(KERN_SUCCESS, ask(r, self, 4801, {low(at), high(at), 20000, 0}));
  EXPECT_CODE(KERN_INVALID_ADDRESS, ask(r, self, 4804, {low(at), high(at), 5, 0}));
  EXPECT_CODE(KERN_INVALID_ARGUMENT, ask(r, mach_host_self(), 4801, {0, 0, 0, 0}));
}

// The sender need not be the task that it asks about.
CHECK(KernelObjects, AnotherTaskIsAskedJustSo) {
  Peer peer;
  const mach_port_t port = new_port();
  mig_get_reply_port();
  const uint32_t names = space_of().iisb_table_inuse;
  Reply r;
  EXPECT_CODE(KERN_SUCCESS, ask(r, peer.task(), 3204, {MACH_PORT_RIGHT_RECEIVE}));
  const mach_port_name_t theirs = r.out(0);
  EXPECT_EQ(MACH_PORT_TYPE_RECEIVE, type_of(theirs, peer.task()));
  EXPECT_CODE(KERN_SUCCESS, Ask(peer.task(), 3214, {0x5003}).right(port, MACH_MSG_TYPE_MAKE_SEND).of(r));
  EXPECT_EQ(MACH_PORT_TYPE_SEND, type_of(0x5003, peer.task()));
  EXPECT_CODE(KERN_SUCCESS, ask(r, peer.task(), 3215, {theirs, MACH_MSG_TYPE_MAKE_SEND}));
  const mach_port_t mine = descriptor_of<mach_msg_port_descriptor_t>(r).name;
  EXPECT_EQ(MACH_PORT_TYPE_SEND, type_of(mine));
  EXPECT_CODE(KERN_SUCCESS, Ask(peer.task(), 3213, {theirs, MACH_NOTIFY_NO_SENDERS, 0})
                                .right(port, MACH_MSG_TYPE_MAKE_SEND_ONCE)
                                .of(r));
  EXPECT_CODE(KERN_NOT_SUPPORTED, ask(r, peer.task(), 4800, {0, 0, 100, 0, VM_FLAGS_ANYWHERE}));
  drop_send(mine);
  EXPECT_EQ(MACH_NOTIFY_NO_SENDERS, next_id(port));
  EXPECT_EQ(names, space_of().iisb_table_inuse);
  mach_port_t weak = MACH_PORT_NULL;
  EXPECT_CODE(KERN_SUCCESS, task_get_special_port(peer.task(), TASK_READ_PORT, &weak));
  EXPECT_CODE(KERN_INVALID_TASK, ask(r, weak, 3204, {MACH_PORT_RIGHT_RECEIVE}));
  EXPECT_CODE(KERN_SUCCESS, ask(r, weak, 3228, {theirs}));
  EXPECT_CODE(KERN_SUCCESS, ask(r, weak, 3235));
  EXPECT_CODE(KERN_SUCCESS, ask(r, peer.task(), 3401));
  EXPECT_TRUE(eventually([&] { return type_of(peer.task()) == MACH_PORT_TYPE_DEAD_NAME; }));
  peer.kill_hard();
}

}  // namespace
}  // namespace checks
