// SPDX-License-Identifier: Apache-2.0
// Traps that reserve, and that no proof of deaths is about: each a stage and a call.
#include <mach/task_special_ports.h>
#include <string.h>

#include "exhaustion/trial.hpp"
#include "proof/messages.hpp"

namespace portolan::exhaustion {

namespace {

using namespace proof;
using ipc::Name;

class Act : public Scenario {
 public:
  using Scenario::Scenario;
  std::vector<std::string> outcomes() const override { return {"before", "after"}; }
  unsigned outcome(Judge&) override { return 0; }

 protected:
  void done(int code) {
    answer(code);
    settle(a.thread());
  }
  // A call that gives a name, or MACH_PORT_NULL for want of memory.
  void named(mach_port_name_t name) { done(name == MACH_PORT_NULL ? KERN_RESOURCE_SHORTAGE : KERN_SUCCESS); }
  mach_port_name_t port = 0, way = 0, other = 0;
};

class InsertElsewhere : public Act {
 public:
  using Act::Act;
  void stage() override { port = a.port_with_send(); }
  void trap() override {
    done(ipc::port_insert_right(a.thread(), b.space(), Name{0x1103}, a.space(), Name{port}, kMoveSend));
  }
};

class Destruct : public Act {
 public:
  using Act::Act;
  void stage() override {
    port = a.port_with_send();
    other = a.give_send(port, b);
    World::require(b.notify(other, MACH_NOTIFY_DEAD_NAME, 1, b.allocate()) == KERN_SUCCESS, "a request");
  }
  void trap() override { done(ipc::port_destruct(a.thread(), a.space(), Name{port}, -1, 0)); }
};

class MoveMember : public Act {
 public:
  using Act::Act;
  void stage() override {
    port = a.allocate();
    way = a.allocate(MACH_PORT_RIGHT_PORT_SET);
    other = a.allocate(MACH_PORT_RIGHT_PORT_SET);
    World::require(ipc::port_insert_member(a.thread(), a.space(), Name{port}, Name{way}) == KERN_SUCCESS,
                   "a member");
  }
  void trap() override { done(ipc::port_move_member(a.thread(), a.space(), Name{port}, Name{other})); }
};

class SetSpecial : public Act {
 public:
  using Act::Act;
  void stage() override {
    for (mach_port_name_t* name : {&port, &other}) *name = b.give_send(b.allocate(), a);
    World::require(
        task_set_special_port(a.thread(), a.handle(), TASK_ACCESS_PORT, a.space(), other) == KERN_SUCCESS,
        "a special port");
    a.deallocate(other);
  }
  void trap() override {
    done(task_set_special_port(a.thread(), a.handle(), TASK_ACCESS_PORT, a.space(), port));
  }
};

class GetSpecial : public Act {
 public:
  using Act::Act;
  void stage() override {}
  void trap() override {
    mach_port_name_t name = 0;
    done(task_get_special_port(a.thread(), a.handle(), TASK_BOOTSTRAP_PORT, a.space(), name));
  }
};

class Register : public Act {
 public:
  using Act::Act;
  void stage() override {
    for (mach_port_name_t& name : names) name = b.give_send(b.allocate(), a);
    World::require(task_ports_register(a.thread(), a.handle(), a.space(), names, 2) == KERN_SUCCESS,
                   "registered ports");
  }
  void trap() override { done(task_ports_register(a.thread(), a.handle(), a.space(), names, 3)); }

 protected:
  mach_port_name_t names[3] = {};
};

class Lookup : public Register {
 public:
  using Register::Register;
  void stage() override {
    Register::stage();
    for (unsigned i = 0; i < 2; i++) a.deallocate(names[i]);
  }
  void trap() override { done(task_ports_lookup(a.thread(), a.handle(), a.space(), names)); }
};

class Embryo : public Act {
 public:
  using Act::Act;
  void stage() override {}
  void trap() override {
    Handle<ipc::Task> made;
    done(embryo_make(a.thread(), a.handle(), 99, 4712, made));
  }
  void clear_away() override {
    for (uint32_t i = 1; i < w.segment().zone(ipc::kZoneTask).carved; i++)
      if (w.segment().at(Handle<ipc::Task>{i}).state == ipc::kTaskEmbryo)
        embryo_free(w.reaper(), Handle<ipc::Task>{i}, 99);
    settle(w.reaper());
  }
};

class TaskSelf : public Act {
 public:
  using Act::Act;
  void stage() override {}
  void trap() override { named(task_self(a.thread(), a.handle(), a.space())); }
};
class ThreadSelf : public Act {
 public:
  using Act::Act;
  void stage() override {}
  void trap() override { named(thread_self(a.thread(), a.space())); }
};
class HostSelf : public Act {
 public:
  using Act::Act;
  void stage() override {}
  void trap() override { named(host_self(a.thread(), a.handle(), a.space())); }
};

// A thread in a slot that nobody has ever had.
class AttachNew : public Act {
 public:
  using Act::Act;
  void stage() override {}
  void trap() override {
    Thread fresh;
    const bool attached = fresh.attach(w.segment(), 0);
    if (attached) fresh.detach();
    answer(attached ? KERN_SUCCESS : KERN_RESOURCE_SHORTAGE);
  }
};

// The right that was registered before comes back.
class Replace : public Act {
 public:
  using Act::Act;
  void stage() override {
    way = b.give_send(b.allocate(), a);
    port = a.allocate();
    other = a.allocate();
    World::require(a.notify(way, MACH_NOTIFY_DEAD_NAME, 1, other) == KERN_SUCCESS, "a request");
  }
  void trap() override { a.notify(way, MACH_NOTIFY_DEAD_NAME, 1, port); }
};

// Back to its sender: a message with rights of all kinds, in descriptors and arrays.
class HandBack : public Act {
 public:
  using Act::Act;
  void stage() override {
    port = b.allocate();
    way = b.give_send(port, a);
    for (mach_msg_id_t i = 0; i < 5; i++)
      World::require(b.send(port, kMakeSend, i) == MACH_MSG_SUCCESS, "a full queue");
    other = a.allocate();
    once = c.give(c.allocate(), kMakeSendOnce, a);
  }
  void trap() override {
    PortsMessage message({way, kCopySend, other, kMakeSendOnce});
    message.carry(other, kMakeSend).carry(once, kMoveSendOnce).carry(other, kMakeSendOnce);
    send(a, message);
  }

 private:
  mach_port_name_t once = 0;
};

// An array of send-once rights, of which everybody's end is told when it cannot be received.
class ReceiveOnces : public Act {
 public:
  using Act::Act;
  void stage() override {
    port = a.allocate();
    way = a.give_send(port, b);
    mach_port_name_t names[3];
    for (mach_port_name_t& name : names) name = c.give(c.allocate(), kMakeSendOnce, b);
    ArrayMessage message({way, kCopySend, MACH_PORT_NULL, 0}, names, 3, kMoveSendOnce);
    World::require(send(b, message) == MACH_MSG_SUCCESS, "a message");
  }
  void trap() override { a.receive(port); }
};

// The same, and there is no memory in the task either.
class ReceiveOncesNowhere : public ReceiveOnces {
 public:
  using ReceiveOnces::ReceiveOnces;
  void trap() override {
    a.memory().maps_left = 0;
    ReceiveOnces::trap();
    a.memory().maps_left = -1;
  }
};

struct GuardedMessage {
  mach_msg_header_t header{};
  mach_msg_body_t body{1};
  mach_msg_guarded_port_descriptor_t right{};
  GuardedMessage(mach_port_name_t to, mach_port_name_t moved) {
    address(header, {to, kCopySend, MACH_PORT_NULL, 0}, sizeof *this);
    header.msgh_bits |= MACH_MSGH_BITS_COMPLEX;
    right.flags = MACH_MSG_GUARD_FLAGS_UNGUARDED_ON_SEND | MACH_MSG_GUARD_FLAGS_IMMOVABLE_RECEIVE;
    right.type = MACH_MSG_GUARDED_PORT_DESCRIPTOR;
    right.disposition = static_cast<uint8_t>(kMoveReceive);
    right.name = moved;
  }
};

class SendGuarded : public Act {
 public:
  using Act::Act;
  void stage() override {
    way = b.give_send(b.allocate(), a);
    port = a.port_with_send();
  }
  void trap() override {
    GuardedMessage message(way, port);
    send(a, message);
  }
};

// A guarded receive right, which the receiver does not take.
class ReceiveUnguarded : public Act {
 public:
  using Act::Act;
  void stage() override {
    port = a.allocate();
    way = a.give_send(port, b);
    GuardedMessage message(way, b.port_with_send());
    World::require(send(b, message) == MACH_MSG_SUCCESS, "a message");
  }
  void trap() override { a.receive(port); }
};

class ReceiveGuarded : public ReceiveUnguarded {
 public:
  using ReceiveUnguarded::ReceiveUnguarded;
  // The guard is the address of the buffer.
  void trap() override {
    static struct {
      mach_msg_header_t header;
      char room[400];
    } buffer;
    a.msg(&buffer.header, MACH_RCV_MSG | MACH_RCV_TIMEOUT | MACH_RCV_GUARDED_DESC, 0, sizeof buffer, port);
  }
};

class ServiceStatus : public Act {
 public:
  using Act::Act;
  void stage() override {
    way = w.bootstrap_port(a);
    Name name;
    World::require(bootstrap::check_in(b.thread(), {b.handle(), b.space()}, Name{w.bootstrap_port(b)},
                                       bootstrap::ServiceName("service"), 0, name) == KERN_SUCCESS,
                   "a service");
  }
  void trap() override {
    bootstrap_status_t status = 0;
    done(bootstrap::status(a.thread(), {a.handle(), a.space()}, Name{way}, bootstrap::ServiceName("service"),
                           status));
  }
};

class Parent : public Act {
 public:
  using Act::Act;
  void stage() override {
    Name inner;
    World::require(bootstrap::subset(a.thread(), {a.handle(), a.space()}, Name{w.bootstrap_port(a)},
                                     Name{a.port_with_send()}, inner) == KERN_SUCCESS,
                   "a subset");
    way = inner.value;
  }
  void trap() override {
    Name name;
    done(bootstrap::parent(a.thread(), {a.handle(), a.space()}, Name{way}, name));
  }
};

// A question to a kernel object, with memory in its answer …
class AskNames : public Act {
 public:
  using Act::Act;
  void stage() override {
    World::require(
        task_get_special_port(a.thread(), a.handle(), TASK_KERNEL_PORT, a.space(), way) == KERN_SUCCESS,
        "a task port");
    port = a.allocate();
  }
  void trap() override { a.send(way, kCopySend, 3200, port, kMakeSendOnce); }

 protected:
  // A simple request: the NDR record, and words.
  void ask(mach_msg_id_t id, uint32_t first, uint32_t second = 0) {
    PlainMessage message({way, kCopySend, port, kMakeSendOnce, id});
    const uint32_t words[] = {0, 1, first, second};
    memcpy(message.words, words, sizeof words);
    const bool one = id == 3409;
    message.header.msgh_size = sizeof message.header + (one ? 12 : 16);
    send(a, message, MACH_SEND_TIMEOUT, 0, message.header.msgh_size);
  }
};
// … and with rights.
class AskSpecial : public AskNames {
 public:
  using AskNames::AskNames;
  void trap() override { ask(3409, TASK_BOOTSTRAP_PORT); }
};
class AskSemaphore : public AskNames {
 public:
  using AskNames::AskNames;
  void trap() override { ask(3418, 0, 1); }
};

constexpr Listed kMore[] = {
    {"insert-elsewhere", "a right into another task's space", make_scenario<InsertElsewhere>},
    {"destruct", "a port that somebody watches", make_scenario<Destruct>},
    {"move-member", "from one set to another", make_scenario<MoveMember>},
    {"special-set", "in place of another", make_scenario<SetSpecial>},
    {"special-get", "a new name", make_scenario<GetSpecial>},
    {"ports-register", "three, in place of two", make_scenario<Register>},
    {"ports-lookup", "new names", make_scenario<Lookup>},
    {"embryo", "before a fork", make_scenario<Embryo>},
    {"task-self", "a name for the own task", make_scenario<TaskSelf>},
    {"thread-self", "a name for the own thread, which has no port yet", make_scenario<ThreadSelf>},
    {"host-self", "a name for the host", make_scenario<HostSelf>},
    {"attach", "a thread in a new slot", make_scenario<AttachNew>},
    {"request-replace", "a request, in place of another whose right comes back", make_scenario<Replace>},
    {"hand-back", "a message with rights that finds no room", make_scenario<HandBack>},
    {"receive-onces", "an array of send-once rights", make_scenario<ReceiveOnces>},
    {"receive-onces-nowhere", "the same without memory of one's own", make_scenario<ReceiveOncesNowhere>},
    {"send-guarded", "a receive right that is guarded on its way", make_scenario<SendGuarded>},
    {"receive-guarded", "the same", make_scenario<ReceiveGuarded>},
    {"receive-unguarded", "the same by somebody who wants no guard", make_scenario<ReceiveUnguarded>},
    {"status", "of a service", make_scenario<ServiceStatus>},
    {"parent", "of a namespace", make_scenario<Parent>},
    {"kernel-names", "a kernel object's answer with memory", make_scenario<AskNames>},
    {"kernel-special", "the same with a right", make_scenario<AskSpecial>},
    {"kernel-semaphore", "the same with an object that it makes", make_scenario<AskSemaphore>},
};

}  // namespace

std::span<const Listed> more_scenarios() { return kMore; }

}  // namespace portolan::exhaustion
