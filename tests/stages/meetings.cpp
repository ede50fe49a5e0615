// SPDX-License-Identifier: Apache-2.0
// The pairs. Messages carry numbers, so that one that is lost, doubled or overtaken shows.
#include <mach/notify.h>
#include <string.h>

#include "ipc/semaphore.hpp"
#include "segment/futex.hpp"
#include "stages/meeting.hpp"

namespace portolan::stages {

namespace {

using ipc::Name;
using proof::kCopySend;
using proof::kMakeSend;
using proof::kMakeSendOnce;
using proof::kMoveReceive;
using proof::kMoveSend;
using proof::MemoryMessage;
using proof::PlainMessage;
using proof::PortsMessage;

constexpr mach_msg_option_t kWaits = 0;

// A port of `b`, to which `a` and `c` have send rights.
class OnPort : public Meeting {
 public:
  using Meeting::Meeting;
  void stage() override {
    port = b.allocate();
    from_a = b.give_send(port, a);
    from_c = b.give_send(port, c);
    reply = a.allocate();
  }

 protected:
  void send(unsigned side, TestTask& task, mach_port_name_t to, mach_msg_id_t id,
            mach_msg_option_t option = MACH_SEND_TIMEOUT) {
    note(side, task.send(to, kCopySend, id, 0, 0, option));
  }
  void receive(unsigned side, TestTask& task, mach_port_name_t from,
               mach_msg_option_t option = MACH_RCV_TIMEOUT) {
    TestTask::Received received = task.receive(from, option);
    note(side, received);
  }
  void fill(unsigned limit) {
    mach_port_limits_t limits{limit};
    World::require(ipc::port_set_attributes(b.thread(), b.space(), Name{port}, MACH_PORT_LIMITS_INFO,
                                            reinterpret_cast<integer_t*>(&limits),
                                            MACH_PORT_LIMITS_INFO_COUNT) == KERN_SUCCESS,
                   "a limit");
    for (unsigned i = 0; i < limit; i++)
      World::require(c.send(from_c, kCopySend, static_cast<mach_msg_id_t>(200 + i)) == MACH_MSG_SUCCESS,
                     "a full queue");
  }
  mach_port_name_t port = 0, from_a = 0, from_c = 0, reply = 0;
};

class SendReceive : public OnPort {
 public:
  using OnPort::OnPort;
  void first() override {
    PlainMessage message({from_a, kCopySend, reply, kMakeSendOnce, 100});
    note(0, proof::send(a, message));
  }
  void second() override { receive(1, b, port); }
};

class SendReceiveWaits : public SendReceive {
 public:
  using SendReceive::SendReceive;
  void second() override { receive(1, b, port, kWaits); }
};

class QueuedReceive : public SendReceive {
 public:
  using SendReceive::SendReceive;
  void stage() override {
    SendReceive::stage();
    World::require(c.send(from_c, kCopySend, 200) == MACH_MSG_SUCCESS, "a message");
  }
};

class SendSend : public OnPort {
 public:
  using OnPort::OnPort;
  void first() override { send(0, a, from_a, 100); }
  void second() override { send(1, c, from_c, 101); }
  TestTask& second_thread() override { return c; }
};

// Room for one.
class SendSendFull : public SendSend {
 public:
  using SendSend::SendSend;
  void stage() override {
    OnPort::stage();
    fill(2);
    World::require(b.receive(port).code == MACH_MSG_SUCCESS, "room for one");
  }
};

class FullReceive : public OnPort {
 public:
  using OnPort::OnPort;
  void stage() override {
    OnPort::stage();
    fill(1);
  }
  void first() override { send(0, a, from_a, 100, kWaits); }
  void second() override { receive(1, b, port); }
};

// Room is made by a larger limit.
class FullLimit : public FullReceive {
 public:
  using FullReceive::FullReceive;
  void second() override {
    const integer_t limit = 2;
    note(1, ipc::port_set_attributes(b.thread(), b.space(), Name{port}, MACH_PORT_LIMITS_INFO, &limit, 1));
    settle(b.thread());
  }
};

class FullDestroy : public FullReceive {
 public:
  using FullReceive::FullReceive;
  void second() override { note(1, b.mod_refs(port, MACH_PORT_RIGHT_RECEIVE, -1)); }
};

class SendDestroy : public SendReceive {
 public:
  using SendReceive::SendReceive;
  void second() override { note(1, b.mod_refs(port, MACH_PORT_RIGHT_RECEIVE, -1)); }
};

// Memory out of line.
class MemoryReceive : public OnPort {
 public:
  using OnPort::OnPort;
  void first() override {
    MemoryMessage message({from_a, kCopySend, reply, kMakeSendOnce, 100}, bytes, sizeof bytes);
    note(0, proof::send(a, message));
  }
  // What arrives has to be all of it.
  void second() override {
    TestTask::Received received = b.receive(port);
    if (received.code != MACH_MSG_SUCCESS) return note(1, received.code);
    mach_msg_ool_descriptor_t memory;
    memcpy(&memory, received.bytes + sizeof(mach_msg_base_t), sizeof memory);
    note(1, received.code, memory.size == sizeof bytes && memcmp(memory.address, bytes, sizeof bytes) == 0);
  }
  char bytes[64] = "as long as it takes to be written in several steps";
};

class MemoryDestroy : public MemoryReceive {
 public:
  using MemoryReceive::MemoryReceive;
  void second() override { note(1, b.mod_refs(port, MACH_PORT_RIGHT_RECEIVE, -1)); }
};

// The task with the receive right ends.
class SendTerminate : public SendReceive {
 public:
  using SendReceive::SendReceive;
  void second() override {
    task_terminate(c.thread(), b.handle());
    settle(c.thread());
    note(1, KERN_SUCCESS);
  }
  TestTask& second_thread() override { return c; }
};

class FullTerminate : public SendTerminate {
 public:
  using SendTerminate::SendTerminate;
  void stage() override {
    SendTerminate::stage();
    fill(1);
  }
  void first() override { send(0, a, from_a, 100, kWaits); }
};

class ReceiveTerminate : public SendTerminate {
 public:
  using SendTerminate::SendTerminate;
  void first() override { receive(0, b, port, kWaits); }
  TestTask& first_thread() override { return b; }
};

// Two at once.
class TerminateTwice : public SendTerminate {
 public:
  using SendTerminate::SendTerminate;
  void first() override {
    task_terminate(a.thread(), b.handle());
    settle(a.thread());
    note(0, KERN_SUCCESS);
  }
};

class ReceiveDestroy : public OnPort {
 public:
  using OnPort::OnPort;
  void stage() override {
    OnPort::stage();
    other = w.task_thread(b);
  }
  void first() override { receive(0, *other, port, kWaits); }
  TestTask& first_thread() override { return *other; }
  void second() override { note(1, b.mod_refs(port, MACH_PORT_RIGHT_RECEIVE, -1)); }
  TestTask* other = nullptr;
};

class TwoReceivers : public OnPort {
 public:
  using OnPort::OnPort;
  void stage() override {
    OnPort::stage();
    other = w.task_thread(b);
    World::require(c.send(from_c, kCopySend, 200) == MACH_MSG_SUCCESS, "a message");
  }
  void first() override { receive(0, *other, port); }
  TestTask& first_thread() override { return *other; }
  void second() override { receive(1, b, port); }
  TestTask* other = nullptr;
};

// The only user reference moves with a message, and is given up.
class SendModRefs : public OnPort {
 public:
  using OnPort::OnPort;
  void stage() override {
    OnPort::stage();
    other = w.task_thread(a);
  }
  void first() override { note(0, a.send(from_a, kMoveSend, 100)); }
  void second() override { note(1, other->mod_refs(from_a, MACH_PORT_RIGHT_SEND, -1)); }
  TestTask& second_thread() override { return *other; }
  TestTask* other = nullptr;
};

class InsertReceive : public OnPort {
 public:
  using OnPort::OnPort;
  void stage() override {
    OnPort::stage();
    set = b.allocate(MACH_PORT_RIGHT_PORT_SET);
    other = w.task_thread(b);
    World::require(c.send(from_c, kCopySend, 200) == MACH_MSG_SUCCESS, "a message");
  }
  void first() override {
    note(0, ipc::port_insert_member(b.thread(), b.space(), Name{port}, Name{set}));
    settle(b.thread());
  }
  TestTask& first_thread() override { return b; }
  void second() override { receive(1, *other, set); }
  TestTask& second_thread() override { return *other; }
  mach_port_name_t set = 0;
  TestTask* other = nullptr;
};

class SetReceiveWaits : public InsertReceive {
 public:
  using InsertReceive::InsertReceive;
  void second() override { receive(1, *other, set, kWaits); }
};

class SetDestroyReceive : public InsertReceive {
 public:
  using InsertReceive::InsertReceive;
  void stage() override {
    InsertReceive::stage();
    World::require(ipc::port_insert_member(b.thread(), b.space(), Name{port}, Name{set}) == KERN_SUCCESS,
                   "a member");
  }
  void first() override { note(0, b.mod_refs(set, MACH_PORT_RIGHT_PORT_SET, -1)); }
};

class RequestDeath : public OnPort {
 public:
  using OnPort::OnPort;
  void first() override { note(0, a.notify(from_a, MACH_NOTIFY_DEAD_NAME, 1, reply)); }
  void second() override { note(1, b.mod_refs(port, MACH_PORT_RIGHT_RECEIVE, -1)); }
};

class NoSenders : public OnPort {
 public:
  using OnPort::OnPort;
  void stage() override {
    OnPort::stage();
    World::require(c.deallocate(from_c) == KERN_SUCCESS, "the last send right");
  }
  void first() override { note(0, a.deallocate(from_a)); }
  void second() override { note(1, b.notify(port, MACH_NOTIFY_NO_SENDERS, 1, port)); }
};

class CheckInLookUp : public Meeting {
 public:
  using Meeting::Meeting;
  void stage() override {
    ports[0] = w.bootstrap_port(a);
    ports[1] = w.bootstrap_port(b);
  }
  void first() override {
    Name name;
    note(0, bootstrap::check_in(a.thread(), {a.handle(), a.space()}, Name{ports[0]},
                                bootstrap::ServiceName("service"), 0, name));
    settle(a.thread());
  }
  void second() override {
    Name name;
    note(1, bootstrap::look_up(b.thread(), {b.handle(), b.space()}, Name{ports[1]},
                               bootstrap::ServiceName("service"), 0, 0, name));
    settle(b.thread());
  }
  mach_port_name_t ports[2] = {};
};

class CheckInTwice : public CheckInLookUp {
 public:
  using CheckInLookUp::CheckInLookUp;
  void second() override {
    Name name;
    note(1, bootstrap::check_in(b.thread(), {b.handle(), b.space()}, Name{ports[1]},
                                bootstrap::ServiceName("service"), 0, name));
    settle(b.thread());
  }
};

// Two threads receive the same right, each in a message of its own, under the one name that it gets.
class CopyoutTwice : public OnPort {
 public:
  using OnPort::OnPort;
  void stage() override {
    OnPort::stage();
    other = w.task_thread(b);
    second_port = b.allocate();
    const mach_port_name_t second_way = b.give_send(second_port, c), carried = c.port_with_send();
    for (mach_port_name_t way : {from_c, second_way}) {
      PortsMessage message({way, kCopySend, 0, 0, 100});
      message.carry(carried, kCopySend);
      World::require(proof::send(c, message) == MACH_MSG_SUCCESS, "a message with a right");
    }
  }
  void first() override { receive(0, b, port); }
  TestTask& first_thread() override { return b; }
  void second() override { receive(1, *other, second_port); }
  TestTask& second_thread() override { return *other; }
  mach_port_name_t second_port = 0;
  TestTask* other = nullptr;
};

class SignalWait : public Meeting {
 public:
  using Meeting::Meeting;
  void stage() override {
    World::require(ipc::semaphore_create(a.thread(), a.handle(), a.space(), 0, 0, mine) == KERN_SUCCESS,
                   "a semaphore");
    settle(a.thread());
    theirs = Name{a.give(mine.value, MACH_MSG_TYPE_COPY_SEND, b)};
  }
  void first() override {
    note(0, ipc::semaphore_signal(a.thread(), a.space(), mine));
    settle(a.thread());
  }
  void second() override {
    note(1, ipc::semaphore_wait(b.thread(), b.space(), theirs, {.deadline_ns = kNever}));
    settle(b.thread());
  }
  Name mine, theirs;
};

// Two waiters for one count.
class WaitWait : public SignalWait {
 public:
  using SignalWait::SignalWait;
  void stage() override {
    SignalWait::stage();
    World::require(ipc::semaphore_signal(a.thread(), a.space(), mine) == KERN_SUCCESS, "a count");
  }
  void first() override {
    note(0, ipc::semaphore_wait(a.thread(), a.space(), mine, {.deadline_ns = kNever}));
    settle(a.thread());
  }
};

class WaitDestroy : public SignalWait {
 public:
  using SignalWait::SignalWait;
  void first() override {
    note(0, ipc::semaphore_destroy(a.thread(), a.handle(), a.space(), mine));
    settle(a.thread());
  }
};

// The table of a's space grows under the hands of its other thread.
class GrowthLookup : public Meeting {
 public:
  using Meeting::Meeting;
  void stage() override {
    other = w.task_thread(a);
    kept = a.port_with_send();
    const ipc::Space& space = w.segment().at(a.space());
    const uint32_t size = space.table_size;
    while (space.table_size == size && space.used + 1 < size) a.allocate();
  }
  void first() override { note(0, a.allocate() == MACH_PORT_NULL); }
  void second() override { note(1, other->deallocate(kept), other->type(kept)); }
  TestTask& second_thread() override { return *other; }
  mach_port_name_t kept = 0;
  TestTask* other = nullptr;
};

// Each receive right in a message to the other: a circle, if both were sent.
class Circle : public Meeting {
 public:
  using Meeting::Meeting;
  void stage() override {
    left = a.port_with_send();
    right = b.port_with_send();
    to_left = a.give_send(left, b);
    to_right = b.give_send(right, a);
  }
  void first() override {
    PortsMessage message({to_right, kCopySend, 0, 0, 100});
    message.carry(left, kMoveReceive);
    note(0, proof::send(a, message));
  }
  void second() override {
    PortsMessage message({to_left, kCopySend, 0, 0, 101});
    message.carry(right, kMoveReceive);
    note(1, proof::send(b, message));
  }
  mach_port_name_t left = 0, right = 0, to_left = 0, to_right = 0;
};

// Rights go both ways between two spaces, whose locks are wanted in both orders.
class ExtractBoth : public Meeting {
 public:
  using Meeting::Meeting;
  void stage() override {
    left = a.port_with_send();
    right = b.port_with_send();
  }
  void first() override { extract(0, a, b, right); }
  void second() override { extract(1, b, a, left); }
  void extract(unsigned side, TestTask& to, TestTask& from, mach_port_name_t what) {
    Name name;
    mach_msg_type_name_t type = 0;
    note(side,
         ipc::port_extract_right(to.thread(), from.space(), Name{what}, kMakeSend, to.space(), name, type));
    settle(to.thread());
  }
  mach_port_name_t left = 0, right = 0;
};

template <class T>
std::unique_ptr<Meeting> make(World& world, Notes& notes) {
  return std::make_unique<T>(world, notes);
}

constexpr ListedMeeting kMeetings[] = {
    {"send/receive", "one port, a reply right", make<SendReceive>},
    {"send/receive-waits", "the receiver waits for it", make<SendReceiveWaits>},
    {"send/receive-queued", "another message is there before", make<QueuedReceive>},
    {"send/send", "two senders", make<SendSend>},
    {"send/send-full", "room for one", make<SendSendFull>},
    {"full-send/receive", "the sender waits for room", make<FullReceive>},
    {"full-send/destroy", "the sender waits, and the port dies", make<FullDestroy>},
    {"full-send/limit", "the sender waits, and the limit is raised", make<FullLimit>},
    {"full-send/terminate", "the sender waits, and the receiver's task ends", make<FullTerminate>},
    {"send-memory/receive", "memory out of line", make<MemoryReceive>},
    {"send-memory/destroy", "memory out of line, and the port dies", make<MemoryDestroy>},
    {"send/terminate", "the receiver's task ends", make<SendTerminate>},
    {"receive/terminate", "a receiver waits, and its task ends", make<ReceiveTerminate>},
    {"terminate/terminate", "one task ends by two", make<TerminateTwice>},
    {"send/destroy", "the port dies", make<SendDestroy>},
    {"receive/destroy", "the receiver waits, and the port dies", make<ReceiveDestroy>},
    {"receive/receive", "two threads, one message", make<TwoReceivers>},
    {"move/mod-refs", "the last reference moves, and is given up", make<SendModRefs>},
    {"insert/receive-set", "a port with a message joins a set", make<InsertReceive>},
    {"insert/receive-set-waits", "the same, and the receiver waits", make<SetReceiveWaits>},
    {"destroy-set/receive", "a set ends, and somebody receives through it", make<SetDestroyReceive>},
    {"request/destroy", "a dead-name request, and the port dies", make<RequestDeath>},
    {"deallocate/no-senders", "the last send right, and a request", make<NoSenders>},
    {"check-in/look-up", "one name", make<CheckInLookUp>},
    {"check-in/check-in", "one name", make<CheckInTwice>},
    {"copyout/copyout", "one right, two messages, two threads", make<CopyoutTwice>},
    {"signal/wait", "a semaphore", make<SignalWait>},
    {"wait/wait", "a semaphore with a count of one", make<WaitWait>},
    {"destroy/wait", "a semaphore ends", make<WaitDestroy>},
    {"grow/look-up", "a table grows under another thread", make<GrowthLookup>},
    {"circle/circle", "receive rights in messages to each other", make<Circle>},
    {"extract/extract", "rights between two spaces, both ways", make<ExtractBoth>},
};

}  // namespace

std::span<const ListedMeeting> meetings() { return kMeetings; }

}  // namespace portolan::stages
