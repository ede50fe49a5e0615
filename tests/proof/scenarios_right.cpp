// SPDX-License-Identifier: Apache-2.0
// The mach_port calls: made, dropped, moved. Most are one transaction, so that there is a before and an
// after; where a right is in hand between two, it may die there.
#include "ipc/kmsg.hpp"
#include "proof/messages.hpp"
#include "proof/scenario.hpp"

namespace portolan::proof {

namespace {

using ipc::Name;

class Allocate : public Scenario {
 public:
  using Scenario::Scenario;
  std::vector<std::string> outcomes() const override { return {"no name", "a name"}; }
  void stage() override { before = w.names(a, 0); }
  void trap() override { a.allocate(); }
  unsigned outcome(Judge& judge) override {
    const unsigned more = w.names(a, 0) - before;
    judge.equal(more, w.names(a, ipc::kTypeReceive), "receive rights");
    return more;
  }

 protected:
  unsigned before = 0;
};

// All names are taken: the table grows first.
class AllocateGrows : public Allocate {
 public:
  using Allocate::Allocate;
  std::vector<std::string> outcomes() const override { return {"no name", "a larger table", "a name"}; }
  void stage() override {
    while (w.names(a, 0) + 1 < w.table_size(a)) a.allocate(MACH_PORT_RIGHT_DEAD_NAME);
    before = w.names(a, 0);
    size = w.table_size(a);
  }
  unsigned outcome(Judge& judge) override {
    const unsigned more = w.names(a, 0) - before;
    judge.equal(more, w.names(a, ipc::kTypeReceive), "receive rights");
    if (more != 0) return judge.expect(w.table_size(a) > size, "a name beyond the table"), 2;
    return w.table_size(a) > size;
  }

 private:
  uint32_t size = 0;
};

class AllocateSet : public Allocate {
 public:
  using Allocate::Allocate;
  void trap() override { a.allocate(MACH_PORT_RIGHT_PORT_SET); }
  unsigned outcome(Judge& judge) override {
    const unsigned more = w.names(a, 0) - before;
    judge.equal(more, w.domain().in_use(ipc::kZonePset), "sets");
    return more;
  }
};

// Under a name of one's choice.
class AllocateName : public Allocate {
 public:
  using Allocate::Allocate;
  void trap() override {
    Name name{0x2a07};
    answer(ipc::port_allocate_name(a.thread(), a.space(), MACH_PORT_RIGHT_RECEIVE, name));
    settle(a.thread());
  }
  std::vector<std::string> outcomes() const override { return {"no name", "a larger table", "a name"}; }
  unsigned outcome(Judge& judge) override {
    const bool there = w.type(a, 0x2a07) == ipc::kTypeReceive;
    judge.equal(there, w.names(a, 0) - before, "names");
    return there ? 2 : w.table_size(a) > 32;
  }
};

class Construct : public Allocate {
 public:
  using Allocate::Allocate;
  void trap() override {
    mach_port_options_t options{};
    options.flags = MPO_CONTEXT_AS_GUARD | MPO_QLIMIT | MPO_INSERT_SEND_RIGHT;
    options.mpl.mpl_qlimit = 9;
    Name name;
    answer(ipc::port_construct(a.thread(), a.space(), options, 0x1234, name));
    settle(a.thread());
  }
};

// -- giving up

// The last send right goes; its port's receiver is to be told.
class ModRefsSend : public Scenario {
 public:
  using Scenario::Scenario;
  std::vector<std::string> outcomes() const override { return {"before", "after"}; }
  void stage() override {
    port = b.allocate();
    way = b.give_send(port, a);
    watch = b.allocate();
    name_watch = a.allocate();
    World::require(b.notify(port, MACH_NOTIFY_NO_SENDERS, 0, watch) == KERN_SUCCESS, "a no-senders request");
    World::require(a.notify(way, MACH_NOTIFY_DEAD_NAME, 1, name_watch) == KERN_SUCCESS,
                   "a dead-name request");
  }
  void trap() override { a.mod_refs(way, MACH_PORT_RIGHT_SEND, -1); }
  unsigned outcome(Judge& judge) override {
    const bool there = w.entry(a, way) != nullptr;
    judge.equal(there, w.port(b, port)->srights.get(), "send rights");
    judge.equal(!there, w.queued(w.port(b, watch), MACH_NOTIFY_NO_SENDERS), "NO_SENDERS notifications");
    judge.equal(!there, w.queued(w.port(a, name_watch), MACH_NOTIFY_PORT_DELETED),
                "PORT_DELETED notifications");
    return !there;
  }

 protected:
  mach_port_name_t port = 0, way = 0, watch = 0, name_watch = 0;
};

class Deallocate : public ModRefsSend {
 public:
  using ModRefsSend::ModRefsSend;
  void trap() override { a.deallocate(way); }
};

// One of several references, the right stays.
class ModRefsPlus : public Scenario {
 public:
  using Scenario::Scenario;
  std::vector<std::string> outcomes() const override { return {"before", "after"}; }
  void stage() override { way = b.give_send(b.allocate(), a); }
  void trap() override { a.mod_refs(way, MACH_PORT_RIGHT_SEND, 3); }
  unsigned outcome(Judge& judge) override {
    const uint32_t urefs = w.urefs(a, way);
    judge.expect(urefs == 1 || urefs == 4, "user references");
    return urefs == 4;
  }

 private:
  mach_port_name_t way = 0;
};

class DeallocateSendOnce : public Scenario {
 public:
  using Scenario::Scenario;
  std::vector<std::string> outcomes() const override { return {"before", "after"}; }
  void stage() override {
    port = b.allocate();
    way = b.give(port, kMakeSendOnce, a);
  }
  void trap() override { a.deallocate(way); }
  unsigned outcome(Judge& judge) override {
    const bool there = w.entry(a, way) != nullptr;
    judge.equal(!there, w.queued(w.port(b, port), MACH_NOTIFY_SEND_ONCE), "SEND_ONCE notifications");
    judge.equal(1, w.port(b, port)->sorights.get(), "send-once rights");
    return !there;
  }

 private:
  mach_port_name_t port = 0, way = 0;
};

// The receive right of a port that others hold and watch: more requests than one step fires.
class ModRefsReceive : public Scenario {
 public:
  using Scenario::Scenario;
  std::vector<std::string> outcomes() const override { return {"before", "after"}; }
  void stage() override {
    port = a.port_with_send();
    TestTask& d = w.task();
    TestTask& e = w.task();
    for (TestTask* task : {&b, &c, &d, &e}) {
      names.push_back(a.give_send(port, *task));
      watches.push_back(task->allocate());
      holders.push_back(task);
      World::require(task->notify(names.back(), MACH_NOTIFY_DEAD_NAME, 1, watches.back()) == KERN_SUCCESS,
                     "a request");
    }
  }
  void trap() override { a.mod_refs(port, MACH_PORT_RIGHT_RECEIVE, -1); }
  unsigned outcome(Judge& judge) override {
    const bool there = (w.type(a, port) & ipc::kTypeReceive) != 0;
    for (size_t i = 0; i < names.size(); i++) {
      judge.equal(!there, w.queued(w.port(*holders[i], watches[i]), MACH_NOTIFY_DEAD_NAME),
                  "DEAD_NAME notifications");
      const Port* theirs = w.port(*holders[i], names[i]);
      judge.equal(there, theirs != nullptr && theirs->active(), "the port lives");
    }
    judge.expect(there || (w.type(a, port) & ipc::kTypeDead) != 0, "no dead name");
    return !there;
  }

 protected:
  mach_port_name_t port = 0;
  std::vector<mach_port_name_t> names, watches;
  std::vector<TestTask*> holders;
};

// A port with all that a port can have: messages with rights in the queue, sets, a sleeping receiver and a
// blocked sender, requests.
class Destroy : public Scenario {
 public:
  using Scenario::Scenario;
  std::vector<std::string> outcomes() const override { return {"before", "after"}; }
  void stage() override {
    port = a.allocate();
    way = a.give_send(port, b);
    const mach_port_name_t from_c = a.give_send(port, c);
    for (auto& set : sets) {
      set = a.allocate(MACH_PORT_RIGHT_PORT_SET);
      World::require(ipc::port_insert_member(a.thread(), a.space(), Name{port}, Name{set}) == KERN_SUCCESS,
                     "a member");
    }
    reply = b.allocate();
    gift = b.port_with_send();
    const mach_port_name_t theirs = b.give_send(gift, c);
    watch = c.allocate();
    World::require(c.notify(theirs, MACH_NOTIFY_DEAD_NAME, 1, watch) == KERN_SUCCESS, "a request");
    World::require(c.notify(from_c, MACH_NOTIFY_DEAD_NAME, 1, watch) == KERN_SUCCESS, "a request");
    World::require(a.notify(port, MACH_NOTIFY_NO_SENDERS, 5, a.allocate()) == KERN_SUCCESS,
                   "a no-senders request");
    PortsMessage message({way, kCopySend, reply, kMakeSendOnce});
    message.carry(gift, kMoveReceive);
    World::require(send(b, message) == MACH_MSG_SUCCESS, "a message");
    for (mach_msg_id_t i = 0; i < 4; i++)
      World::require(b.send(way, kCopySend, i, reply, kMakeSendOnce) == MACH_MSG_SUCCESS, "messages");
    w.put_to_sleep(c, [&] { c.send(from_c, kCopySend, 50, MACH_PORT_NULL, 0, 0); });
  }
  void trap() override { a.destroy(port); }
  unsigned outcome(Judge& judge) override {
    const bool there = w.entry(a, port) != nullptr;
    judge.equal(there ? 0u : 5u, w.queued(w.port(b, reply), MACH_NOTIFY_SEND_ONCE),
                "reply rights whose end was told");
    judge.equal(there ? 0u : 2u, w.queued(w.port(c, watch), MACH_NOTIFY_DEAD_NAME),
                "DEAD_NAME notifications");
    judge.equal(there, w.sleeps(c), "the sender sleeps");
    judge.equal(there ? 2u : 0u, w.domain().in_use(ipc::kZoneLink), "memberships");
    return !there;
  }

 private:
  mach_port_name_t port = 0, way = 0, reply = 0, gift = 0, watch = 0, sets[2] = {};
};

// A port in more sets, with more sleepers, than one transaction deals with.
class DestroyManySets : public Scenario {
 public:
  using Scenario::Scenario;
  std::vector<std::string> outcomes() const override { return {"before", "after"}; }
  void stage() override {
    port = a.port_with_send();
    for (unsigned i = 0; i < 11; i++)
      World::require(ipc::port_insert_member(a.thread(), a.space(), Name{port},
                                             Name{a.allocate(MACH_PORT_RIGHT_PORT_SET)}) == KERN_SUCCESS,
                     "a member");
    second = w.task_thread(a);
    w.put_to_sleep(*second, [&] { second->receive(port, 0); });
  }
  void trap() override { a.destroy(port); }
  unsigned outcome(Judge& judge) override {
    const bool there = w.entry(a, port) != nullptr;
    judge.equal(there ? 11u : 0u, w.domain().in_use(ipc::kZoneLink), "memberships");
    judge.equal(there, w.sleeps(*second), "the receiver sleeps");
    if (!there) judge.equal(MACH_RCV_PORT_CHANGED, w.frame(*second).result.get(), "the receiver's code");
    return !there;
  }

 private:
  mach_port_name_t port = 0;
  TestTask* second = nullptr;
};

// A set with members.
class DestroySet : public Scenario {
 public:
  using Scenario::Scenario;
  std::vector<std::string> outcomes() const override { return {"before", "after"}; }
  void stage() override {
    set = a.allocate(MACH_PORT_RIGHT_PORT_SET);
    for (unsigned i = 0; i < 10; i++) {
      const mach_port_name_t port = a.port_with_send();
      World::require(ipc::port_insert_member(a.thread(), a.space(), Name{port}, Name{set}) == KERN_SUCCESS,
                     "a member");
      if (i < 2) a.send(port, kCopySend, 1);
    }
    second = w.task_thread(a);
  }
  void trap() override { a.mod_refs(set, MACH_PORT_RIGHT_PORT_SET, -1); }
  unsigned outcome(Judge& judge) override {
    const bool there = w.entry(a, set) != nullptr;
    judge.equal(there ? 10u : 0u, w.domain().in_use(ipc::kZoneLink), "memberships");
    judge.equal(there ? 1u : 0u, w.domain().in_use(ipc::kZonePset), "sets");
    return !there;
  }

 private:
  mach_port_name_t set = 0;
  TestTask* second = nullptr;
};

// -- moving

// A made send right: between the two transactions it is in hand.
class InsertMake : public Scenario {
 public:
  using Scenario::Scenario;
  std::vector<std::string> outcomes() const override { return {"before", "died in hand", "after"}; }
  void stage() override {
    port = a.allocate();
    World::require(a.notify(port, MACH_NOTIFY_NO_SENDERS, 1, port) == KERN_SUCCESS, "a no-senders request");
  }
  void trap() override { a.insert_right(port, port, kMakeSend); }
  unsigned outcome(Judge& judge) override {
    const Port* it = w.port(a, port);
    const bool has = (w.type(a, port) & ipc::kTypeSend) != 0;
    const unsigned told = w.queued(it, MACH_NOTIFY_NO_SENDERS);
    judge.equal(has, it->srights.get(), "send rights");
    judge.equal(has || told != 0 ? 1 : 0, it->mscount.get(), "the make-send count");
    judge.expect(!has || told == 0, "a right, and word that there is none");
    return has ? 2 : told != 0 ? 1 : 0;
  }

 private:
  mach_port_name_t port = 0;
};

// A receive right goes to another task.
class ExtractReceive : public Scenario {
 public:
  using Scenario::Scenario;
  std::vector<std::string> outcomes() const override { return {"before", "died in hand", "after"}; }
  void stage() override {
    port = b.allocate();
    theirs = b.give_send(port, c);
    watch = c.allocate();
    World::require(c.notify(theirs, MACH_NOTIFY_DEAD_NAME, 1, watch) == KERN_SUCCESS, "a request");
    World::require(c.send(theirs, kCopySend, 7) == MACH_MSG_SUCCESS, "a message");
  }
  void trap() override {
    Name out;
    mach_msg_type_name_t type = 0;
    answer(ipc::port_extract_right(a.thread(), b.space(), Name{port}, kMoveReceive, a.space(), out, type));
    settle(a.thread());
  }
  unsigned outcome(Judge& judge) override {
    const bool here = w.names(a, ipc::kTypeReceive) == 1, there = w.entry(b, port) != nullptr;
    const unsigned dead = w.queued(w.port(c, watch), MACH_NOTIFY_DEAD_NAME);
    judge.equal(1u, here + there + dead, "places of the receive right, or its end");
    return there ? 0 : dead != 0 ? 1 : 2;
  }

 private:
  mach_port_name_t port = 0, theirs = 0, watch = 0;
};

// A port with messages joins a set on which somebody sleeps.
class InsertMember : public Scenario {
 public:
  using Scenario::Scenario;
  std::vector<std::string> outcomes() const override {
    return {"before", "a member, and the sleeper has a message"};
  }
  void stage() override {
    port = a.port_with_send();
    set = a.allocate(MACH_PORT_RIGHT_PORT_SET);
    for (mach_msg_id_t i = 0; i < 3; i++)
      World::require(a.send(port, kCopySend, i) == MACH_MSG_SUCCESS, "a message");
    second = w.task_thread(a);
    w.put_to_sleep(*second, [&] { second->receive(set, 0); });
  }
  void trap() override {
    answer(ipc::port_insert_member(a.thread(), a.space(), Name{port}, Name{set}));
    settle(a.thread());
  }
  unsigned outcome(Judge& judge) override {
    const bool member = w.port(a, port)->links != 0;
    judge.equal(member, w.given(*second) != nullptr, "the sleeper has a message");
    judge.equal(member ? 2u : 3u, w.queued(w.port(a, port)), "messages");
    return member;
  }

 private:
  mach_port_name_t port = 0, set = 0;
  TestTask* second = nullptr;
};

// A message to a port in more sets than one transaction tells, with a sleeper on the last.
class SendToManySets : public Scenario {
 public:
  using Scenario::Scenario;
  std::vector<std::string> outcomes() const override { return {"before", "the sleeper has the message"}; }
  void stage() override {
    port = b.allocate();
    way = b.give_send(port, a);
    mach_port_name_t set = 0;
    for (unsigned i = 0; i < 11; i++) {
      set = b.allocate(MACH_PORT_RIGHT_PORT_SET);
      World::require(ipc::port_insert_member(b.thread(), b.space(), Name{port}, Name{set}) == KERN_SUCCESS,
                     "a member");
    }
    w.put_to_sleep(b, [&] { b.receive(set, 0); });
  }
  void trap() override { a.send(way, kCopySend, 100); }
  unsigned outcome(Judge& judge) override {
    judge.equal(0u, w.queued(w.port(b, port)), "messages in the queue");
    return w.given(b) != nullptr;
  }

 private:
  mach_port_name_t port = 0, way = 0;
};

constexpr Listed kRight[] = {
    {"allocate", "a receive right", make_scenario<Allocate>, "mach_port_allocate"},
    {"allocate-grow", "with a table that has to grow", make_scenario<AllocateGrows>, "mach_port_allocate"},
    {"allocate-set", "a port set", make_scenario<AllocateSet>, "mach_port_allocate"},
    {"allocate-name", "under a chosen name", make_scenario<AllocateName>, "mach_port_allocate_name"},
    {"construct", "guarded, limited, with a send right", make_scenario<Construct>, "mach_port_construct"},
    {"mod-refs-send", "the last send right, both ends watched", make_scenario<ModRefsSend>,
     "mach_port_mod_refs"},
    {"mod-refs-plus", "more references", make_scenario<ModRefsPlus>, "mach_port_mod_refs"},
    {"mod-refs-receive", "a receive right that four others watch", make_scenario<ModRefsReceive>,
     "mach_port_mod_refs"},
    {"deallocate", "the last send right, both ends watched", make_scenario<Deallocate>,
     "mach_port_deallocate"},
    {"deallocate-once", "a send-once right, unused", make_scenario<DeallocateSendOnce>,
     "mach_port_deallocate"},
    {"destroy", "a port with a queue, sets, a blocked sender and requests", make_scenario<Destroy>,
     "mach_port_destroy"},
    {"destroy-many-sets", "a port in eleven sets, with a sleeper", make_scenario<DestroyManySets>,
     "mach_port_destroy"},
    {"destroy-set", "a set of ten", make_scenario<DestroySet>, "mach_port_mod_refs"},
    {"insert-right", "a made send right", make_scenario<InsertMake>, "mach_port_insert_right"},
    {"extract-receive", "a receive right, from another task", make_scenario<ExtractReceive>,
     "mach_port_extract_right"},
    {"insert-member", "a port with messages into a set with a sleeper", make_scenario<InsertMember>,
     "mach_port_insert_member"},
    {"send-many-sets", "to a port in eleven sets, with a sleeper on the last", make_scenario<SendToManySets>,
     "mach_msg"},
};

}  // namespace

std::span<const Listed> right_scenarios() { return kRight; }

}  // namespace portolan::proof
