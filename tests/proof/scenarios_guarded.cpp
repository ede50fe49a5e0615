// SPDX-License-Identifier: Apache-2.0
// Receive rights on their way in guarded descriptors, and those that cannot travel: the port lives where it
// has a receiver, or has died, and its watcher was told.
#include <string.h>

#include "ipc/space.hpp"
#include "proof/passing.hpp"

namespace portolan::proof {

namespace {

using ipc::Name;

constexpr uint64_t kGuard = 7;

struct GuardedMessage {
  mach_msg_header_t header{};
  mach_msg_body_t body{1};
  mach_msg_guarded_port_descriptor_t port{};
  GuardedMessage(const Route& route, mach_port_name_t name, uint32_t flags) {
    address(header, route, sizeof *this);
    header.msgh_bits |= MACH_MSGH_BITS_COMPLEX;
    port.context = kGuard;
    port.flags = static_cast<uint16_t>(flags);
    port.disposition = static_cast<uint8_t>(kMoveReceive);
    port.type = MACH_MSG_GUARDED_PORT_DESCRIPTOR;
    port.name = name;
  }
};

// A port of `owner`, guarded, whose end `c` is told.
class Watched {
 public:
  void make(World& w, TestTask& owner, TestTask& watcher) {
    name = owner.allocate();
    theirs = owner.give_send(name, watcher);
    watch = watcher.allocate();
    World::require(watcher.notify(theirs, MACH_NOTIFY_DEAD_NAME, 1, watch) == KERN_SUCCESS, "a request");
    World::require(ipc::port_guard(owner.thread(), owner.space(), Name{name}, kGuard, 0) == KERN_SUCCESS,
                   "a guard");
    w_ = &w;
    watcher_ = &watcher;
  }
  bool alive(Judge& judge) {
    const Port* port = it();
    const bool lives = port != nullptr && port->active();
    judge.equal(!lives, w_->queued(w_->port(*watcher_, watch), MACH_NOTIFY_DEAD_NAME),
                "DEAD_NAME notifications");
    return lives;
  }
  const Port* it() { return w_->port(*watcher_, theirs); }
  mach_port_name_t name = 0, theirs = 0, watch = 0;

 private:
  World* w_ = nullptr;
  TestTask* watcher_ = nullptr;
};

class SendGuarded : public Sending {
 public:
  using Sending::Sending;
  std::vector<std::string> outcomes() const override {
    return {"not sent", "died in hand", "port died in hand", "queued"};
  }
  void stage() override {
    stage_ports();
    moved.make(w, a, c);
  }
  void trap() override {
    GuardedMessage message({way, kCopySend, reply, kMakeSendOnce}, moved.name,
                           MACH_MSG_GUARD_FLAGS_IMMOVABLE_RECEIVE);
    send(a, message);
  }
  unsigned outcome(Judge& judge) override {
    const unsigned queued = w.queued(target(), 100), destroyed = told();
    judge_rights(judge, queued == 1, destroyed == 1);
    const bool has = w.entry(a, moved.name) != nullptr, alive = moved.alive(judge);
    judge.equal(has || queued == 1, alive, "the port lives where it has a receiver");
    if (queued == 1) return judge.expect(moved.it()->is(ipc::kPortInTransit), "not in transit"), 3;
    if (destroyed == 0) return judge.expect(has, "the right has vanished"), 0;
    return has ? 1 : 2;
  }

 private:
  Watched moved;
};

// To be guarded anew where it arrives.
class ReceiveGuarded : public Receiving {
 public:
  using Receiving::Receiving;
  std::vector<std::string> outcomes() const override {
    return {"queued", "died whole", "died after the header", "received"};
  }
  void stage() override {
    stage_ports();
    moved.make(w, b, c);
    GuardedMessage message({way, kCopySend, reply, kMakeSendOnce}, moved.name,
                           MACH_MSG_GUARD_FLAGS_IMMOVABLE_RECEIVE);
    World::require(send(b, message) == MACH_MSG_SUCCESS, "a message");
  }
  // The new guard is the buffer's address: the same one each time.
  void trap() override {
    static TestTask::Received received;
    a.msg(&received.header(), MACH_RCV_MSG | MACH_RCV_TIMEOUT | option(), 0, sizeof received.bytes, from);
  }
  unsigned outcome(Judge& judge) override {
    judge_reply(judge);
    const bool queued = w.queued(source(), 100) != 0, alive = moved.alive(judge);
    judge.equal(alive && !queued ? 2u : 1u, w.names(a, ipc::kTypeReceive), "receive rights");
    if (alive) judge.equal(queued, moved.it()->is(ipc::kPortInTransit), "the right is in transit");
    return judge_end(judge, queued, alive);
  }

 protected:
  virtual mach_msg_option_t option() const { return MACH_RCV_GUARDED_DESC; }
  virtual unsigned judge_end(Judge& judge, bool queued, bool alive) {
    if (!queued && alive) judge.expect(moved.it()->is(ipc::kPortImmovable), "it can be moved");
    return queued ? 0 : alive ? 3 : told() != 0 ? 1 : 2;
  }
  Watched moved;
};

// Nobody wants such a right: the port dies.
class ReceiveUnwanted : public ReceiveGuarded {
 public:
  using ReceiveGuarded::ReceiveGuarded;
  std::vector<std::string> outcomes() const override {
    return {"queued", "died whole", "received without the right"};
  }

 protected:
  mach_msg_option_t option() const override { return 0; }
  unsigned judge_end(Judge& judge, bool queued, bool alive) override {
    judge.equal(queued, alive, "the port lives");
    return queued ? 0 : told() != 0 ? 1 : 2;
  }
};

// The receiver's table is full and may not grow: the right in the body is destroyed.
class ReceiveNoRoom : public Receiving {
 public:
  using Receiving::Receiving;
  std::vector<std::string> outcomes() const override { return {"queued", "the right is destroyed"}; }
  void stage() override {
    stage_ports();
    gift = b.allocate();
    watch = b.allocate();
    PortsMessage message({way, kCopySend, MACH_PORT_NULL, 0});
    message.carry(gift, kMakeSend);
    World::require(send(b, message) == MACH_MSG_SUCCESS, "a message");
    World::require(b.notify(gift, MACH_NOTIFY_NO_SENDERS, 1, watch) == KERN_SUCCESS, "a request");
    w.fill_table(a);
  }
  void trap() override { a.receive(from); }
  unsigned outcome(Judge& judge) override {
    const bool queued = w.queued(source(), 100) != 0;
    judge.equal(!queued, w.queued(w.port(b, watch), MACH_NOTIFY_NO_SENDERS), "NO_SENDERS notifications");
    judge.equal(queued, w.port(b, gift)->srights.get(), "send rights");
    return !queued;
  }

 private:
  mach_port_name_t gift = 0, watch = 0;
};

// A receive right in a message to its own port: the message is destroyed, and the port with it.
class SendToItself : public Sending {
 public:
  using Sending::Sending;
  std::vector<std::string> outcomes() const override { return {"not sent", "died in hand", "destroyed"}; }
  void stage() override {
    reply = a.allocate();
    port = a.port_with_send();
  }
  void trap() override {
    PortsMessage message({port, kCopySend, reply, kMakeSendOnce});
    message.carry(port, kMoveReceive);
    send(a, message);
  }
  unsigned outcome(Judge& judge) override {
    const bool has = (w.type(a, port) & ipc::kTypeReceive) != 0;
    judge.expect(has || told() == 1, "the reply right has vanished");
    return has ? told() : 2;
  }

 private:
  mach_port_name_t port = 0;
};

constexpr Listed kGuarded[] = {
    {"send-guarded", "with a guarded receive right", make_scenario<SendGuarded>, "mach_msg"},
    {"receive-guarded", "one, to be guarded anew", make_scenario<ReceiveGuarded>, "mach_msg"},
    {"receive-unwanted", "one, which the receiver does not want", make_scenario<ReceiveUnwanted>, "mach_msg"},
    {"receive-no-room", "a right, into a table that is full", make_scenario<ReceiveNoRoom>, "mach_msg"},
    {"send-circular", "a receive right, to its own port", make_scenario<SendToItself>, "mach_msg"},
};

}  // namespace

std::span<const Listed> guarded_scenarios() { return kGuarded; }

}  // namespace portolan::proof
