// SPDX-License-Identifier: Apache-2.0
// fsck against damage: a busy segment is copied, one thing in the copy is broken, and the right invariant is
// named. And against any damage at all: it ends, and touches nothing outside.
#include "ipc/fsck.hpp"

#include <gtest/gtest.h>
#include <mach/notify.h>
#include <string.h>
#include <sys/mman.h>

#include <functional>
#include <random>
#include <set>

#include "bootstrap/job.hpp"
#include "segment/recovery.hpp"
#include "support/domain.hpp"
#include "support/namespace.hpp"

namespace portolan::test {
namespace {

using ipc::Entry;
using ipc::Kmsg;
using ipc::Link;
using ipc::Port;
using ipc::Pset;
using ipc::Request;
using ipc::Service;
using ipc::Space;
using ipc::Subset;
using ipc::Task;

// A private copy of a segment, as a snapshot or a kill point is one.
class Copy {
 public:
  explicit Copy(const Segment& original) : length_(original.size()) {
    memory_ =
        mmap(nullptr, length_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    take(original);
    EXPECT_TRUE(segment.view(memory_, length_));
  }
  ~Copy() { munmap(memory_, length_); }
  Copy(const Copy&) = delete;
  Copy& operator=(const Copy&) = delete;

  void take(const Segment& original) {
    for (uint64_t at = 0; at < length_; at += kPage) {
      const std::byte* from = original.base() + at;
      std::byte* to = static_cast<std::byte*>(memory_) + at;
      if (memcmp(from, to, kPage) != 0) memcpy(to, from, kPage);
    }
  }
  void protect(int access) { mprotect(memory_, length_, access); }

  Segment segment;

 private:
  uint64_t length_;
  void* memory_;
};

// One of everything: names of all kinds, queued messages with ports, memory and arrays in them, sets,
// requests, kept notifications, receive rights in transit, special ports, a namespace.
class Fsck : public testing::Test {
 protected:
  Fsck() : server(domain.task()), client(domain.task()) {
    static const bootstrap::Layers layers =
        bootstrap::make_layers(ipc::make_layers({bootstrap::reap_step, nullptr, nullptr}));
    ipc::install(domain.segment(), layers);
    EXPECT_EQ(KERN_SUCCESS, bootstrap::make_root(domain.launchd()));

    receive = server.port_with_send();
    send = server.give_send(receive, client);
    set = server.allocate(MACH_PORT_RIGHT_PORT_SET);
    member = server.allocate();
    EXPECT_EQ(KERN_SUCCESS,
              ipc::port_insert_member(server.thread(), server.space(), ipc::Name{receive}, ipc::Name{set}));
    EXPECT_EQ(KERN_SUCCESS,
              ipc::port_insert_member(server.thread(), server.space(), ipc::Name{member}, ipc::Name{set}));
    notify = client.allocate();
    client.notify(send, MACH_NOTIFY_DEAD_NAME, 0, notify);
    server.notify(receive, MACH_NOTIFY_NO_SENDERS, 0, receive);
    server.notify(member, MACH_NOTIFY_PORT_DESTROYED, 0, receive);
    // Names that come and go leave a free list.
    std::vector<mach_port_name_t> names;
    names.reserve(24);
    for (int i = 0; i < 24; i++) names.push_back(client.port_with_send());
    for (int i = 0; i < 24; i += 2) client.destroy(names[static_cast<size_t>(i)]);
    once = server.give(member, MACH_MSG_TYPE_MAKE_SEND_ONCE, client);
    const mach_port_name_t doomed = server.port_with_send();
    dead = server.give_send(doomed, client);
    server.destroy(doomed);
    EXPECT_EQ(MACH_PORT_TYPE_DEAD_NAME, client.type(dead));

    EXPECT_EQ(MACH_MSG_SUCCESS,
              client.send(send, MACH_MSG_TYPE_COPY_SEND, 1, notify, MACH_MSG_TYPE_MAKE_SEND_ONCE));
    send_rich();
    const bootstrap::Caller caller{client.handle(), client.space()};
    mach_port_name_t root = bootstrap_port(client);
    ipc::Name service;
    EXPECT_EQ(KERN_SUCCESS, bootstrap::check_in(client.thread(), caller, {root},
                                                bootstrap::ServiceName("one"), 0, service));
    EXPECT_EQ(KERN_SUCCESS, bootstrap::check_in(client.thread(), caller, {root},
                                                bootstrap::ServiceName("two"), 0, service));
    ipc::Name subset;
    EXPECT_EQ(KERN_SUCCESS, bootstrap::subset(client.thread(), caller, {root}, {send}, subset));
    Handle<ipc::Job> job;
    EXPECT_EQ(KERN_SUCCESS, bootstrap::job_make(domain.launchd(), "com.example.job", 0, job));
    EXPECT_EQ(KERN_SUCCESS,
              bootstrap::job_declare(domain.launchd(), job, bootstrap::ServiceName("three"), 0));
  }
  ~Fsck() override {
    EXPECT_TRUE(bootstrap::job_remove(domain.launchd(), {1}));
    close_namespace(domain.launchd());
  }

  mach_port_name_t bootstrap_port(TestTask& task) {
    ipc::Name name;
    transact(task.thread(), ipc::kCopyoutNeeds, [&](Txn& txn) {
      const Handle<Subset> root{txn.segment().header().roots[ipc::kRootBootstrap]};
      Locked<Space> space = txn.lock(task.space());
      Locked<Port> port = txn.lock(Handle<Port>{txn.segment().at(root).port});
      ipc::send_right_make(txn, port);
      return ipc::right_copyout(txn, space, {port.handle().index, MACH_MSG_TYPE_PORT_SEND}, name);
    });
    return name.value;
  }

  // A moved receive right, a send right, an array of rights and memory out of line in one message.
  void send_rich() {
    struct {
      mach_msg_header_t header;
      mach_msg_body_t body;
      mach_msg_port_descriptor_t moved, copied;
      mach_msg_ool_ports_descriptor_t array;
      mach_msg_ool_descriptor_t memory;
      char tail[200];
    } rich{};
    mach_port_name_t names[3] = {send, MACH_PORT_NULL, MACH_PORT_DEAD};
    static char bytes[10000];
    rich.header.msgh_bits = MACH_MSGH_BITS(MACH_MSG_TYPE_COPY_SEND, 0) | MACH_MSGH_BITS_COMPLEX;
    rich.header.msgh_remote_port = send;
    rich.header.msgh_id = 2;
    rich.body.msgh_descriptor_count = 4;
    rich.moved.name = client.allocate();
    rich.moved.disposition = MACH_MSG_TYPE_MOVE_RECEIVE;
    rich.moved.type = MACH_MSG_PORT_DESCRIPTOR;
    rich.copied.name = send;
    rich.copied.disposition = MACH_MSG_TYPE_COPY_SEND;
    rich.copied.type = MACH_MSG_PORT_DESCRIPTOR;
    rich.array.address = names;
    rich.array.count = 3;
    rich.array.disposition = MACH_MSG_TYPE_COPY_SEND;
    rich.array.type = MACH_MSG_OOL_PORTS_DESCRIPTOR;
    rich.memory.address = bytes;
    rich.memory.size = sizeof bytes;
    rich.memory.copy = MACH_MSG_VIRTUAL_COPY;
    rich.memory.type = MACH_MSG_OOL_DESCRIPTOR;
    ASSERT_EQ(MACH_MSG_SUCCESS,
              client.msg(&rich.header, MACH_SEND_MSG | MACH_SEND_TIMEOUT, sizeof rich, 0, 0, 0));
  }

  // The element of a name, in a copy.
  Entry& entry(const Segment& segment, const TestTask& task, mach_port_name_t name) {
    return reinterpret_cast<Entry*>(segment.arena(task.space().index))[name >> 8];
  }
  Port& port(const Segment& segment, const TestTask& task, mach_port_name_t name) {
    return segment.at(Handle<Port>{entry(segment, task, name).object});
  }

  void expect_named(const char* id, const std::function<void(const Segment&)>& damage) {
    Copy copy(domain.segment());
    ASSERT_EQ("", ipc::fsck(copy.segment).text());
    damage(copy.segment);
    const Report report = ipc::fsck(copy.segment);
    EXPECT_TRUE(report.names(id)) << id << " was expected, found was:\n" << report.text();
    damaged.insert(id);
  }

  TestDomain domain;
  TestTask& server;
  TestTask& client;
  mach_port_name_t receive, send, set, member, notify, once, dead;
  std::set<std::string> damaged;
};

template <class T>
void poke(Cell<T>& cell, T value) {
  cell.init(value);
}
void add(Cell<uint32_t>& cell, uint32_t delta) { cell.init(cell + delta); }

TEST_F(Fsck, ABusySegmentIsSound) {
  const Report report = ipc::fsck(domain.segment());
  EXPECT_EQ("", report.text());
  EXPECT_TRUE(report.clean());
}

TEST_F(Fsck, AReadOnlyCopyWillDo) {
  Copy copy(domain.segment());
  copy.protect(PROT_READ);
  EXPECT_EQ("", ipc::fsck(copy.segment).text());
  copy.protect(PROT_READ | PROT_WRITE);
}

TEST_F(Fsck, EveryInvariantHasOneNumberAndAText) {
  std::set<std::string> seen;
  for (const auto& list : {segment_invariants(), ipc::kernel_invariants()}) {
    for (const Invariant& one : list) {
      EXPECT_TRUE(seen.insert(one.id).second) << one.id;
      EXPECT_GT(strlen(one.text), 10u);
    }
  }
  EXPECT_GE(seen.size(), 40u);
}

TEST_F(Fsck, NamesDamagedSegments) {
  expect_named("H1", [](const Segment& s) { s.header().zones[ipc::kZonePort].element_size = 4; });
  expect_named("Z2", [](const Segment& s) { add(s.zone(ipc::kZonePort).shards[0].count, 1); });
  expect_named("Z3", [](const Segment& s) { poke(s.zone(ipc::kZonePort).carved, 1u << 20); });
  expect_named("L1", [](const Segment& s) { s.at(Handle<Port>{1}).lock.try_acquire(1); });
  expect_named("L1", [](const Segment& s) { s.at(Handle<Port>{1}).lock.try_acquire(999); });
  expect_named("S1", [](const Segment& s) { s.slot(1).log_length.store(1); });
  expect_named("S1", [](const Segment& s) { s.slot(1).held_count.store(1); });
  expect_named("S5", [](const Segment& s) { poke(s.slot(1).owed_count, 1000u); });
  expect_named("S4", [](const Segment& s) {
    poke(s.slot(1).work_head, work_item(ipc::kZonePort, 1));
    poke(s.slot(1).work_tail, work_item(ipc::kZonePort, 2));
  });
  expect_named("S6", [](const Segment& s) {
    s.slot(1).state.store(kSlotFree);
    poke(s.slot(1).work_head, work_item(ipc::kZonePort, 1));
  });
  auto first_free = [](const Segment& s, auto&& use) {
    for (uint32_t slot = 1; slot < s.header().threads_high.load(); slot++)
      for (unsigned zone = 0; zone < kMaxZones; zone++)
        if (s.slot(slot).magazines[zone].count != 0) return use(s.slot(slot).magazines[zone], zone);
    ADD_FAILURE() << "all magazines are empty";
  };
  expect_named("E1", [&](const Segment& s) {
    first_free(s, [&](Magazine& m, unsigned zone) { add(s.element(zone, m.item[0]).generation, 1); });
  });
  expect_named("Z1", [&](const Segment& s) {
    first_free(s, [&](Magazine& m, unsigned) { add(m.count, static_cast<uint32_t>(-1)); });
  });
  expect_named("E2", [&](const Segment& s) {
    first_free(s, [&](Magazine& m, unsigned) {
      poke(m.item[m.count], m.item[0].get());
      add(m.count, 1);
    });
  });
}

// A living domain is copied while it changes: a free list that is cut short in the copy says nothing of what
// was behind the cut.
TEST_F(Fsck, AListThatChangedWhileItWasCopied) {
  std::vector<mach_port_name_t> names;
  for (int i = 0; i < 40; i++) names.push_back(client.allocate());
  for (const mach_port_name_t name : names) client.destroy(name);
  Copy copy(domain.segment());
  for (Shard& shard : copy.segment.zone(ipc::kZonePort).shards)
    if (shard.count > 2) poke(copy.segment.element(ipc::kZonePort, shard.head).link, 0u);
  std::set<std::string> still, living;
  FsckOptions options;
  for (const Report::Broken& one : ipc::fsck(copy.segment, options).broken) still.insert(one.id);
  options.quiescent = false;
  for (const Report::Broken& one : ipc::fsck(copy.segment, options).broken) living.insert(one.id);
  EXPECT_EQ((std::set<std::string>{"Z1", "Z2"}), still);
  EXPECT_EQ((std::set<std::string>{"Z2"}), living);
}

TEST_F(Fsck, NamesDamagedSpaces) {
  expect_named("N1", [&](const Segment& s) { poke(entry(s, client, send).urefs, 0u); });
  expect_named("N1", [&](const Segment& s) { add(entry(s, client, send).bits, ipc::kTypeSendOnce); });
  expect_named("N1", [&](const Segment& s) { poke(entry(s, client, once).urefs, 2u); });
  expect_named("N2", [&](const Segment& s) {
    // The first free slot is skipped.
    Space& space = s.at(client.space());
    Entry& first = reinterpret_cast<Entry*>(s.arena(client.space().index))[space.free_head];
    ASSERT_NE(0u, first.next.get());
    poke(space.free_head, first.next.get());
    reinterpret_cast<Entry*>(s.arena(client.space().index))[first.next].request.init(0);
  });
  expect_named("N2", [&](const Segment& s) {
    for (auto& block : s.at(client.space()).virgin) poke(block.high, 0u);
  });
  expect_named("N3", [&](const Segment& s) { poke(entry(s, client, send).object, 12345u); });
  expect_named("A1", [&](const Segment& s) { add(s.at(client.space()).used, 1); });
  expect_named("A1", [&](const Segment& s) { add(s.at(client.space()).sends, 1); });
  expect_named("A1", [&](const Segment& s) { poke(s.at(client.space()).buckets, 1u); });
  expect_named("A2", [&](const Segment& s) { poke(s.at(client.space()).free_head, send >> 8); });
  expect_named("A2", [&](const Segment& s) {
    Space& space = s.at(client.space());
    Entry& first = reinterpret_cast<Entry*>(s.arena(client.space().index))[space.free_head];
    poke(first.request, 7u);
  });
  expect_named("A3", [&](const Segment& s) {
    Entry& other = entry(s, client, notify);
    poke(other.object, entry(s, client, send).object.get());
  });
  expect_named("A4", [&](const Segment& s) { poke(s.at(client.space()).task, 12u); });
  expect_named("A4", [&](const Segment& s) { poke(s.at(client.space()).state, 77u); });
}

TEST_F(Fsck, NamesDamagedPorts) {
  expect_named("P1", [&](const Segment& s) { add(port(s, server, receive).refs, 1); });
  expect_named("P3", [&](const Segment& s) { add(port(s, server, receive).srights, 1); });
  expect_named("P4", [&](const Segment& s) { add(port(s, server, member).sorights, 1); });
  expect_named("P5", [&](const Segment& s) { add(port(s, server, receive).msgcount, 1); });
  expect_named("P6", [&](const Segment& s) { poke(port(s, server, receive).receiver_name, 0x703u); });
  expect_named("P6", [&](const Segment& s) { add(port(s, server, receive).state, ipc::kPortInTransit); });
  expect_named("P7", [&](const Segment& s) { poke(port(s, server, receive).state, 2u); });
  expect_named("P8", [&](const Segment& s) { poke(port(s, server, receive).qlimit, 99999u); });
  expect_named("P8", [&](const Segment& s) { poke(port(s, server, receive).queue_tail, 0u); });
  expect_named("P9", [&](const Segment& s) {
    Frame& frame = s.slot(2).frames[0];
    poke(frame.state, uint32_t{ipc::kWaitSend});
    poke(frame.object, entry(s, server, receive).object.get());
    poke(port(s, server, receive).sender_head, 2 * kFrames);
    poke(port(s, server, receive).sender_tail, 2 * kFrames);
  });
  expect_named("S3", [&](const Segment& s) { poke(s.slot(2).frames[0].state, uint32_t{ipc::kWaitPort}); });
  expect_named("S3", [&](const Segment& s) { poke(port(s, server, receive).receiver_head, 2 * kFrames); });
  expect_named("S2", [&](const Segment& s) { poke(s.slot(2).frames[0].holds[0].kind, 77u); });
  expect_named("S2", [&](const Segment& s) {
    poke(s.slot(2).frames[0].holds[0].object, 12345u);
    poke(s.slot(2).frames[0].holds[0].kind, uint32_t{ipc::kHoldPort});
  });
  expect_named("X1", [&](const Segment& s) {
    for (uint32_t i = 1; i < s.zone(ipc::kZonePort).carved; i++) {
      Port& one = s.at(Handle<Port>{i});
      if (one.allocated() && one.is(ipc::kPortInTransit)) poke(one.receiver, i);
    }
  });
  expect_named("Q1",
               [&](const Segment& s) { add(s.at(Handle<Pset>{entry(s, server, set).object}).count, 1); });
  expect_named("Q1", [&](const Segment& s) { poke(port(s, server, member).links, 0u); });
  expect_named(
      "Q1", [&](const Segment& s) { poke(s.at(Handle<Pset>{entry(s, server, set).object}).ready_head, 0u); });
  expect_named("Q2", [&](const Segment& s) {
    Pset& pset = s.at(Handle<Pset>{entry(s, server, set).object});
    poke(s.at(Handle<Link>{pset.ready_head}).ready, 0u);
    poke(pset.ready_head, 0u);
    poke(pset.ready_tail, 0u);
  });
  expect_named("Q3",
               [&](const Segment& s) { add(s.at(Handle<Pset>{entry(s, server, set).object}).refs, 1); });
  expect_named("R1", [&](const Segment& s) { poke(port(s, client, send).requests, 0u); });
  expect_named("R1", [&](const Segment& s) {
    poke(s.at(Handle<Request>{entry(s, client, send).request}).state, uint32_t{ipc::kRequestFired});
  });
  expect_named(
      "R1", [&](const Segment& s) { add(s.at(Handle<Request>{entry(s, client, send).request}).name, 256); });
}

TEST_F(Fsck, NamesAnArmedRequestBehindOthers) {
  TestDomain other;
  TestTask& task = other.task();
  const mach_port_name_t watched = task.allocate(), told = task.allocate();
  mach_port_name_t last = MACH_PORT_NULL;
  for (int i = 0; i < 2; i++) {
    last = task.give(watched, MACH_MSG_TYPE_MAKE_SEND_ONCE, task);
    ASSERT_EQ(KERN_SUCCESS, task.notify(last, MACH_NOTIFY_DEAD_NAME, 0, told));
  }
  const Copy copy(other.segment());
  const Entry& entry = ipc::entry_at(copy.segment, task.space(), ipc::Name{last}.index());
  poke(copy.segment.at(Handle<Request>{entry.request}).state, uint32_t{ipc::kRequestArmed});
  add(copy.segment.at(Handle<Port>{entry.object}).armed, 1);
  EXPECT_NE(std::string::npos, ipc::fsck(copy.segment).text().find("R2"));
}

TEST_F(Fsck, NamesDamagedMessages) {
  auto rich = [&](const Segment& s) -> Kmsg& {
    for (uint32_t i = 1; i < s.zone(ipc::kZoneKmsg).carved; i++)
      if (s.at(Handle<Kmsg>{i}).allocated() && s.at(Handle<Kmsg>{i}).id == 2) return s.at(Handle<Kmsg>{i});
    ADD_FAILURE();
    return s.at(Handle<Kmsg>{1});
  };
  expect_named("M1", [&](const Segment& s) {
    // The same message in a hand as well.
    poke(s.slot(2).frames[0].holds[0].object, s.handle_of(rich(s)).index);
    poke(s.slot(2).frames[0].holds[0].kind, uint32_t{ipc::kHoldKmsg});
  });
  expect_named("M1", [&](const Segment& s) { poke(rich(s).kind, 9u); });
  expect_named("M1", [&](const Segment& s) {
    Port& full = port(s, server, receive);
    poke(full.queue_head, s.at(Handle<Kmsg>{full.queue_head}).link.get());
  });
  expect_named("M2", [&](const Segment& s) { add(rich(s).converted_in, 1); });
  expect_named("M2", [&](const Segment& s) { add(rich(s).edge_in, 4); });
  expect_named("M2", [&](const Segment& s) { poke(rich(s).size, 3u); });
  expect_named("M2", [&](const Segment& s) { poke(rich(s).body_head, 0u); });
  expect_named("P3", [&](const Segment& s) {
    poke(rich(s).converted_out, 0u);
    add(rich(s).converted_out, 2);
  });
  expect_named("P4", [&](const Segment& s) {
    for (uint32_t i = 1; i < s.zone(ipc::kZoneKmsg).carved; i++) {
      Kmsg& one = s.at(Handle<Kmsg>{i});
      if (one.allocated() && one.id == 1) poke(one.local, 0u);
    }
  });
}

TEST_F(Fsck, NamesDamagedTasksAndNamespaces) {
  expect_named("T1", [&](const Segment& s) { poke(s.at(client.handle()).state, 0u); });
  expect_named("T1", [&](const Segment& s) { poke(s.at(client.handle()).special[4], 12345u); });
  expect_named("P3", [&](const Segment& s) {
    poke(s.at(client.handle()).special[4], entry(s, server, receive).object.get());
  });
  expect_named("T2", [&](const Segment& s) { poke(s.at(client.handle()).threads, 5u); });
  auto root = [](const Segment& s) -> Subset& {
    return s.at(Handle<Subset>{s.header().roots[ipc::kRootBootstrap]});
  };
  expect_named("B1", [&](const Segment& s) { add(root(s).services, 1); });
  expect_named("B1", [&](const Segment& s) {
    for (uint32_t i = 1; i < s.zone(ipc::kZoneService).carved; i++) add(s.at(Handle<Service>{i}).subset, 1);
  });
  expect_named("B1", [&](const Segment& s) {
    for (uint32_t i = 1; i < s.zone(ipc::kZoneService).carved; i++) {
      Service& service = s.at(Handle<Service>{i});
      if (service.allocated()) poke(service.hash, service.hash ^ 1);
    }
  });
  expect_named("B2", [&](const Segment& s) {
    for (uint32_t i = 1; i < s.zone(ipc::kZoneService).carved; i++)
      poke(s.at(Handle<Port>{s.at(Handle<Service>{i}).port}).kobject, 0u);
  });
  expect_named("B2", [&](const Segment& s) {
    for (uint32_t i = 1; i < s.zone(ipc::kZoneService).carved; i++)
      add(s.at(Handle<Service>{i}).owner_prev, 1);
  });
  expect_named("J1", [&](const Segment& s) { poke(s.at(Handle<ipc::Job>{1}).state, 7u); });
  expect_named("J2", [&](const Segment& s) { poke(s.at(Handle<ipc::Job>{1}).services, 1u); });
  expect_named("B3", [&](const Segment& s) { poke(root(s).children, 0u); });
  expect_named("B3", [&](const Segment& s) { poke(s.at(Handle<Subset>{root(s).children}).parent, 0u); });
  expect_named("P6", [&](const Segment& s) { poke(root(s).port, entry(s, server, receive).object.get()); });
}

TEST_F(Fsck, NamesWhatNothingLeadsTo) {
  expect_named("E3", [&](const Segment& s) {
    // A free element turns into an allocated one that nobody has.
    for (uint32_t slot = 1; slot < s.header().threads_high.load(); slot++) {
      Magazine& magazine = s.slot(slot).magazines[ipc::kZoneAcquisition];
      if (magazine.count == 0) continue;
      add(magazine.count, static_cast<uint32_t>(-1));
      add(s.element(ipc::kZoneAcquisition, magazine.item[magazine.count]).generation, 1);
      return;
    }
    ADD_FAILURE() << "no free element was found";
  });
}

TEST_F(Fsck, TellsWhoHoldsWhat) {
  Copy copy(domain.segment());
  add(port(copy.segment, server, receive).srights, 1);
  const std::string text = ipc::fsck(copy.segment).text();
  const std::string pid = std::to_string(copy.segment.at(client.handle()).credentials.pid.get());
  EXPECT_NE(std::string::npos, text.find("P3 BROKEN  p")) << text;
  EXPECT_NE(std::string::npos, text.find(pid + ":0x")) << text;
  EXPECT_NE(std::string::npos, text.find("a message to p")) << text;
}

TEST_F(Fsck, OpenTransactionsOfACopyAreUndone) {
  Copy copy(domain.segment());
  ThreadSlot& slot = copy.segment.slot(2);
  Port& one = port(copy.segment, server, receive);
  slot.log[0].where.store(copy.segment.offset_of(&one.srights) << 4 | 4);
  slot.log[0].old.store(one.srights);
  slot.log_length.store(1);
  slot.held[0].store(static_cast<uint32_t>(copy.segment.offset_of(&one.lock) >> 2));
  slot.held_count.store(1);
  one.lock.try_acquire(2);
  add(one.srights, 7);
  EXPECT_TRUE(ipc::fsck(copy.segment).names("S1"));
  EXPECT_TRUE(ipc::fsck(copy.segment).names("P3"));
  undo_open_transactions(copy.segment);
  EXPECT_EQ("", ipc::fsck(copy.segment).text());
}

TEST_F(Fsck, AnyDamageIsSurvived) {
  std::mt19937 generator(20240607);
  auto random = [&] { return static_cast<uint32_t>(generator()); };
  Copy copy(domain.segment());
  // Words that are not zero are where the kernel's state is: pages of them are hit more often than the rest.
  std::vector<uint64_t> words;
  for (uint64_t at = sizeof(Header); at < copy.segment.size(); at += 4)
    if (*reinterpret_cast<const uint32_t*>(copy.segment.base() + at) != 0) words.push_back(at);
  unsigned found = 0;
  for (int round = 0; round < 3000; round++) {
    const unsigned hits = 1 + random() % 3;
    for (unsigned i = 0; i < hits; i++) {
      const uint64_t at = words[random() % words.size()] + 4 * (random() % 3 == 0 ? random() % 8 : 0);
      auto& word = *reinterpret_cast<uint32_t*>(copy.segment.base() + at);
      switch (random() % 4) {
        case 0:
          word = random();
          break;
        case 1:
          word = random() % 40;
          break;
        case 2:
          word ^= 1u << (random() % 32);
          break;
        default:
          word = 0;
          break;
      }
    }
    if (!ipc::fsck(copy.segment).clean()) found++;
    copy.take(domain.segment());
  }
  EXPECT_GT(found, 1000u);
  RecordProperty("found", static_cast<int>(found));
}

}  // namespace
}  // namespace portolan::test
