// SPDX-License-Identifier: Apache-2.0
// What a port or a name is told, in one transaction: attributes, guards, counts, chosen names. It is so, or
// it is not.
#include <algorithm>

#include "ipc/space.hpp"
#include "proof/messages.hpp"
#include "proof/scenario.hpp"

namespace portolan::proof {

namespace {

using ipc::Name;

// Before, or done.
class Once : public Scenario {
 public:
  using Scenario::Scenario;
  std::vector<std::string> outcomes() const override { return {"before", "done"}; }
  void trap() override {
    answer(call());
    settle(a.thread());
  }
  unsigned outcome(Judge& judge) override { return done(judge); }

 protected:
  virtual kern_return_t call() = 0;
  // What a call that a TestTask made has answered.
  kern_return_t answered() { return w.domain().last_answer; }
  virtual bool done(Judge& judge) = 0;
};

// A receive right, and a call that changes one thing about its port.
struct Setting {
  kern_return_t (*prepare)(Thread& self, Handle<ipc::Space> space, Name name);
  kern_return_t (*set)(Thread& self, Handle<ipc::Space> space, Name name);
  bool (*is_set)(const Port& port);
};

kern_return_t nothing(Thread&, Handle<ipc::Space>, Name) { return KERN_SUCCESS; }
kern_return_t guard(Thread& self, Handle<ipc::Space> space, Name name) {
  return ipc::port_guard(self, space, name, 7, 0);
}

template <const Setting& kSetting>
class Set : public Once {
 public:
  using Once::Once;
  void stage() override {
    port = a.allocate();
    World::require(kSetting.prepare(a.thread(), a.space(), Name{port}) == KERN_SUCCESS,
                   "what was set before");
  }
  kern_return_t call() override { return kSetting.set(a.thread(), a.space(), Name{port}); }
  bool done(Judge&) override { return kSetting.is_set(*w.port(a, port)); }

 private:
  mach_port_name_t port = 0;
};

constexpr Setting kImportance = {nothing,
                                 [](Thread& self, Handle<ipc::Space> space, Name name) {
                                   return ipc::port_set_attributes(self, space, name,
                                                                   MACH_PORT_IMPORTANCE_RECEIVER, nullptr, 0);
                                 },
                                 [](const Port& port) { return port.is(ipc::kPortImpDonation); }};
constexpr Setting kOwner = {nothing,
                            [](Thread& self, Handle<ipc::Space> space, Name name) {
                              return ipc::port_set_attributes(self, space, name, MACH_PORT_TEMPOWNER, nullptr,
                                                              0);
                            },
                            [](const Port& port) { return port.is(ipc::kPortTempOwner); }};
constexpr Setting kMscount = {nothing,
                              [](Thread& self, Handle<ipc::Space> space, Name name) {
                                return ipc::port_set_mscount(self, space, name, 5);
                              },
                              [](const Port& port) { return port.mscount == 5; }};
constexpr Setting kSeqno = {nothing,
                            [](Thread& self, Handle<ipc::Space> space, Name name) {
                              return ipc::port_set_seqno(self, space, name, 5);
                            },
                            [](const Port& port) { return port.seqno == 5; }};
constexpr Setting kContext = {nothing,
                              [](Thread& self, Handle<ipc::Space> space, Name name) {
                                return ipc::port_set_context(self, space, name, 5);
                              },
                              [](const Port& port) { return port.context == 5; }};
constexpr Setting kGuard = {nothing, guard, [](const Port& port) { return port.is(ipc::kPortGuarded); }};
constexpr Setting kUnguard = {
    guard,
    [](Thread& self, Handle<ipc::Space> space, Name name) { return ipc::port_unguard(self, space, name, 7); },
    [](const Port& port) { return !port.is(ipc::kPortGuarded); }};
constexpr Setting kSwapGuard = {guard,
                                [](Thread& self, Handle<ipc::Space> space, Name name) {
                                  return ipc::port_swap_guard(self, space, name, 7, 8);
                                },
                                [](const Port& port) { return port.context == 8; }};

// A longer queue: who waits for room is promised a slot, one transaction after the other.
class SetLimit : public Scenario {
 public:
  using Scenario::Scenario;
  std::vector<std::string> outcomes() const override {
    return {"before", "longer by six", "long enough for all that wait", "as long as wanted"};
  }
  void stage() override {
    port = a.allocate();
    way = a.give_send(port, b);
    for (mach_msg_id_t i = 0; i < 5; i++)
      World::require(a.send(port, kMakeSend, i) == MACH_MSG_SUCCESS, "a full queue");
    for (unsigned i = 0; i < kSenders; i++) {
      senders[i] = w.task_thread(b);
      w.put_to_sleep(*senders[i], [&] { senders[i]->send(way, kCopySend, 50, MACH_PORT_NULL, 0, 0); });
    }
  }
  void trap() override {
    const integer_t limit = 20;
    answer(ipc::port_set_attributes(a.thread(), a.space(), Name{port}, MACH_PORT_LIMITS_INFO, &limit, 1));
    settle(a.thread());
  }
  unsigned outcome(Judge& judge) override {
    const uint32_t limit = w.port(a, port)->qlimit;
    unsigned promised = 0;
    for (TestTask* sender : senders) promised += !w.sleeps(*sender);
    judge.equal(5 + promised, w.port(a, port)->msgcount.get(), "slots");
    judge.equal(std::min(limit - 5, kSenders), promised, "senders that may go on");
    return limit == 20 ? 3 : (limit - 5) / 6;
  }

 private:
  static constexpr unsigned kSenders = 10;
  mach_port_name_t port = 0, way = 0;
  TestTask* senders[kSenders] = {};
};

// A dead name is made.
class AllocateDead : public Once {
 public:
  using Once::Once;
  void stage() override {}
  kern_return_t call() override {
    a.allocate(MACH_PORT_RIGHT_DEAD_NAME);
    return answered();
  }
  bool done(Judge&) override { return w.names(a, ipc::kTypeDead) == 1; }
};

// The slot that was freed last is taken again.
class AllocateReused : public Once {
 public:
  using Once::Once;
  void stage() override {
    const mach_port_name_t freed[] = {a.allocate(), a.allocate()};
    for (const mach_port_name_t name : freed) a.destroy(name);
  }
  kern_return_t call() override {
    a.allocate();
    return answered();
  }
  bool done(Judge&) override { return w.names(a, ipc::kTypeReceive) == 1; }
};

// A chosen name whose slot lies within the list of the free ones.
class ReuseName : public Once {
 public:
  using Once::Once;
  void stage() override {
    mach_port_name_t freed[3];
    for (mach_port_name_t& name : freed) name = a.allocate(MACH_PORT_RIGHT_DEAD_NAME);
    for (const mach_port_name_t name : freed) a.deallocate(name);
    chosen = freed[1] + 4;  // the next generation
  }
  kern_return_t call() override {
    Name name{chosen};
    return ipc::port_allocate_name(a.thread(), a.space(), MACH_PORT_RIGHT_RECEIVE, name);
  }
  bool done(Judge&) override { return w.entry(a, chosen) != nullptr; }

 private:
  mach_port_name_t chosen = 0;
};

// A chosen name right behind the largest table: nothing but that is noted.
class NameBeyond : public Once {
 public:
  using Once::Once;
  void stage() override { chosen = w.segment().at(a.space()).table_limit << 8 | 3; }
  kern_return_t call() override {
    Name name{chosen};
    return ipc::port_allocate_name(a.thread(), a.space(), MACH_PORT_RIGHT_RECEIVE, name);
  }
  bool done(Judge& judge) override {
    judge.equal(0u, w.names(a, ipc::kTypeReceive), "receive rights");
    return w.segment().at(a.space()).at_maximum != 0;
  }

 private:
  mach_port_name_t chosen = 0;
};

// The table is as large as it may become, and full.
class TableFull : public Once {
 public:
  using Once::Once;
  void stage() override {
    w.fill_table(a);
    names = w.names(a, 0);
  }
  kern_return_t call() override {
    a.allocate();
    return answered();
  }
  bool done(Judge& judge) override {
    judge.equal(names, w.names(a, 0), "names");
    return w.segment().at(a.space()).at_maximum != 0;
  }

 private:
  unsigned names = 0;
};

// The table grows, with a piece left of each part that it grew by before.
class GrowWithLeftovers : public Scenario {
 public:
  using Scenario::Scenario;
  std::vector<std::string> outcomes() const override { return {"before", "a larger table", "allocated"}; }
  void stage() override {
    // A chosen name at the end of each part makes the table grow past slots that were never used.
    for (unsigned i = 0; i < 2; i++) name_last_of_next_part();
    size = w.table_size(a);
    // The first part is used up: what is left of the others moves up.
    while (w.segment().at(a.space()).virgin[0].high != 0 || w.segment().at(a.space()).virgin[1].high != 0)
      a.allocate(MACH_PORT_RIGHT_DEAD_NAME);
    chosen = next_beyond();
  }
  void trap() override {
    Name name{chosen};
    answer(ipc::port_allocate_name(a.thread(), a.space(), MACH_PORT_RIGHT_RECEIVE, name));
    settle(a.thread());
  }
  unsigned outcome(Judge&) override { return w.entry(a, chosen) != nullptr ? 2 : w.table_size(a) > size; }

 protected:
  mach_port_name_t next_beyond() {
    const uint32_t limit = w.segment().at(a.space()).table_limit;
    return (ipc::table_size_after(w.table_size(a), limit) - 1) << 8 | 3;
  }
  void name_last_of_next_part() {
    Name name{next_beyond()};
    World::require(
        ipc::port_allocate_name(a.thread(), a.space(), MACH_PORT_RIGHT_RECEIVE, name) == KERN_SUCCESS,
        "a name at the end of the table");
  }

  mach_port_name_t chosen = 0;
  uint32_t size = 0;
};

// There are as many such pieces as places to note them: it takes larger tables than these to come so far, so
// the last slots of the first part are made such pieces.
class GrowMergesLeftovers : public GrowWithLeftovers {
 public:
  using GrowWithLeftovers::GrowWithLeftovers;
  void stage() override {
    auto& blocks = w.segment().at(a.space()).virgin;
    uint32_t last = blocks[1].high;
    for (unsigned i = ipc::kVirginBlocks; i-- > 2; last--) {
      blocks[i].low.init(last);
      blocks[i].high.init(last);
    }
    blocks[1].high.init(last);
    size = w.table_size(a);
    chosen = next_beyond();
  }
};

// One of the send rights under a name goes.
class OneOfTwo : public Once {
 public:
  using Once::Once;
  void stage() override {
    name = b.give_send(b.allocate(), a);
    World::require(a.mod_refs(name, MACH_PORT_RIGHT_SEND, 1) == KERN_SUCCESS, "another reference");
  }
  kern_return_t call() override { return a.mod_refs(name, MACH_PORT_RIGHT_SEND, -1); }
  bool done(Judge&) override { return w.urefs(a, name) == 1; }

 private:
  mach_port_name_t name = 0;
};

// The send right goes, the receive right of the same name stays.
class SendLeavesReceive : public Once {
 public:
  using Once::Once;
  void stage() override { name = a.port_with_send(); }
  kern_return_t call() override { return a.mod_refs(name, MACH_PORT_RIGHT_SEND, -1); }
  bool done(Judge& judge) override {
    const bool left = w.type(a, name) == ipc::kTypeReceive;
    judge.equal(left ? 0 : 1, w.port(a, name)->srights.get(), "send rights");
    return left;
  }

 private:
  mach_port_name_t name = 0;
};

// A receive right goes with the last send right, which is watched, and with a request on its name: the
// messages come in their order.
class DestroyWatchedBoth : public Scenario {
 public:
  using Scenario::Scenario;
  std::vector<std::string> outcomes() const override { return {"before", "after"}; }
  void stage() override {
    name = a.port_with_send();
    watch = b.allocate();
    const mach_port_name_t once[2] = {b.give(watch, kMakeSendOnce, a), b.give(watch, kMakeSendOnce, a)};
    World::require(a.notify(name, MACH_NOTIFY_NO_SENDERS, 9, once[0], nullptr, kMoveSendOnce) == KERN_SUCCESS,
                   "a no-senders request");
    World::require(a.notify(name, MACH_NOTIFY_DEAD_NAME, 1, once[1], nullptr, kMoveSendOnce) == KERN_SUCCESS,
                   "a dead-name request");
  }
  void trap() override { a.destroy(name); }
  unsigned outcome(Judge& judge) override {
    const bool gone = w.entry(a, name) == nullptr;
    judge.equal(gone, w.queued(w.port(b, watch), MACH_NOTIFY_NO_SENDERS), "NO_SENDERS notifications");
    judge.equal(gone, w.queued(w.port(b, watch), MACH_NOTIFY_PORT_DELETED), "PORT_DELETED notifications");
    return gone;
  }

 private:
  mach_port_name_t name = 0, watch = 0;
};

// The receive right and one of its send rights, guarded.
class Destruct : public Once {
 public:
  using Once::Once;
  void stage() override {
    name = a.port_with_send();
    World::require(guard(a.thread(), a.space(), Name{name}) == KERN_SUCCESS, "a guard");
  }
  kern_return_t call() override { return ipc::port_destruct(a.thread(), a.space(), Name{name}, -1, 7); }
  bool done(Judge&) override { return w.entry(a, name) == nullptr; }

 private:
  mach_port_name_t name = 0;
};

// A send-once right whose port is dead is looked at: its name becomes a dead one.
class NoticeDeath : public Once {
 public:
  using Once::Once;
  void stage() override {
    const mach_port_name_t port = b.allocate();
    name = b.give(port, kMakeSendOnce, a);
    watch = a.allocate();
    World::require(a.notify(name, MACH_NOTIFY_DEAD_NAME, 1, watch) == KERN_SUCCESS, "a request");
    b.destroy(port);
  }
  kern_return_t call() override {
    a.type(name);
    return answered();
  }
  bool done(Judge& judge) override {
    judge.equal(1u, w.queued(w.port(a, watch), MACH_NOTIFY_DEAD_NAME), "DEAD_NAME notifications");
    const bool dead = w.type(a, name) == ipc::kTypeDead;
    if (dead) judge.equal(2u, w.urefs(a, name), "references");
    return dead;
  }

 protected:
  mach_port_name_t name = 0, watch = 0;
};

// The port is still dying: it fires the request although the name has none any more.
class NoticeDying : public Once {
 public:
  using Once::Once;
  void stage() override {
    port = b.allocate();
    name = b.give_send(port, a);
    watch = a.allocate();
    World::require(a.notify(name, MACH_NOTIFY_DEAD_NAME, 1, watch) == KERN_SUCCESS, "a request");
    World::require(ipc::port_destroy_name(b.thread(), b.space(), Name{port}) == KERN_SUCCESS, "a dying port");
    World::require(w.queued(w.port(a, watch)) == 0, "a port that is not dead yet");
  }
  kern_return_t call() override {
    a.type(name);
    return answered();
  }
  bool done(Judge& judge) override {
    const bool dead = w.type(a, name) == ipc::kTypeDead;
    if (dead) judge.equal(2u, w.urefs(a, name), "references");
    return dead;
  }

 private:
  mach_port_name_t port = 0, name = 0, watch = 0;
};

// The reverse hash gets another bucket: several names move to it.
class HashGrows : public Scenario {
 public:
  using Scenario::Scenario;
  std::vector<std::string> outcomes() const override { return {"before", "died in hand", "given"}; }
  void stage() override {
    const ipc::Space& space = w.segment().at(a.space());
    for (;;) {
      port = b.allocate();
      if (space.sends + 1 > space.buckets && space.buckets < space.table_size && space.sends > 12) break;
      b.give_send(port, a);
    }
    sends = space.sends;
  }
  void trap() override {
    Name name;
    mach_msg_type_name_t type = 0;
    answer(ipc::port_extract_right(a.thread(), b.space(), Name{port}, kMakeSend, a.space(), name, type));
    settle(a.thread());
  }
  unsigned outcome(Judge& judge) override {
    const bool given = w.segment().at(a.space()).sends == sends + 1;
    judge.equal(given, w.port(b, port)->srights.get(), "send rights");
    return given ? 2 : w.port(b, port)->mscount.get();
  }

 private:
  mach_port_name_t port = 0;
  uint32_t sends = 0;
};

constexpr Listed kPort[] = {
    {"set-importance", "a receiver of importance", make_scenario<Set<kImportance>>,
     "mach_port_set_attributes"},
    {"set-tempowner", "an owner for a time", make_scenario<Set<kOwner>>, "mach_port_set_attributes"},
    {"set-limit", "a longer queue, for ten senders that wait", make_scenario<SetLimit>,
     "mach_port_set_attributes"},
    {"set-mscount", "the make-send count", make_scenario<Set<kMscount>>, "mach_port_set_mscount"},
    {"set-seqno", "the sequence number", make_scenario<Set<kSeqno>>, "mach_port_set_seqno"},
    {"set-context", "the context", make_scenario<Set<kContext>>, "mach_port_set_context"},
    {"guard", "a guard", make_scenario<Set<kGuard>>, "mach_port_guard"},
    {"unguard", "no guard any more", make_scenario<Set<kUnguard>>, "mach_port_unguard"},
    {"swap-guard", "another guard", make_scenario<Set<kSwapGuard>>, "mach_port_swap_guard"},
    {"destruct", "a guarded port with a send right", make_scenario<Destruct>, "mach_port_destruct"},
    {"allocate-dead", "a dead name", make_scenario<AllocateDead>, "mach_port_allocate"},
    {"allocate-reused", "where slots were freed", make_scenario<AllocateReused>, "mach_port_allocate"},
    {"allocate-name-reused", "a chosen name that was used before", make_scenario<ReuseName>,
     "mach_port_allocate_name"},
    {"allocate-name-beyond", "a chosen name that no table can have", make_scenario<NameBeyond>,
     "mach_port_allocate_name"},
    {"allocate-name-grow", "with pieces left of former tables", make_scenario<GrowWithLeftovers>,
     "mach_port_allocate_name"},
    {"allocate-name-merge", "with more of them than can be noted", make_scenario<GrowMergesLeftovers>,
     "mach_port_allocate_name"},
    {"allocate-full", "with a table that may not grow", make_scenario<TableFull>, "mach_port_allocate"},
    {"mod-refs-one", "one of two send rights", make_scenario<OneOfTwo>, "mach_port_mod_refs"},
    {"mod-refs-keep", "a send right whose name has the receive right, too", make_scenario<SendLeavesReceive>,
     "mach_port_mod_refs"},
    {"destroy-watched", "a receive right with the last send right, both watched",
     make_scenario<DestroyWatchedBoth>, "mach_port_destroy"},
    {"type-dead", "of a send-once right whose port is dead", make_scenario<NoticeDeath>, "mach_port_type"},
    {"type-dying", "of a send right whose port is dying", make_scenario<NoticeDying>, "mach_port_type"},
    {"extract-hash", "a send right, with a hash that has to grow", make_scenario<HashGrows>,
     "mach_port_extract_right"},
};

}  // namespace

std::span<const Listed> port_scenarios() { return kPort; }

}  // namespace portolan::proof
