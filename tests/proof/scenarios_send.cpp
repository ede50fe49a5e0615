// SPDX-License-Identifier: Apache-2.0
// Sending: the message is not sent and its rights are where they were, or it dies with its sender before it
// was sent, and its rights with it, or it is in the queue or with a receiver, whole. A reply right that dies
// is told to its port.
#include "proof/passing.hpp"

namespace portolan::proof {

namespace {

class Send : public Sending {
 public:
  using Sending::Sending;
  std::vector<std::string> outcomes() const override { return {"not sent", "queued"}; }
  void stage() override { stage_ports(); }
  void trap() override {
    PlainMessage message({way, kCopySend, reply, kMakeSendOnce});
    send(a, message);
  }
  unsigned outcome(Judge& judge) override {
    const unsigned queued = w.queued(target(), 100);
    judge.equal(queued, target()->msgcount.get(), "the queue's count");
    judge_rights(judge, queued == 1, false);
    return queued;
  }
};

// The last send right moves with the message, and its name goes: whoever watches the name is told.
class SendMove : public Sending {
 public:
  using Sending::Sending;
  std::vector<std::string> outcomes() const override { return {"not sent", "queued"}; }
  void stage() override {
    stage_ports();
    World::require(a.notify(way, MACH_NOTIFY_DEAD_NAME, 1, reply) == KERN_SUCCESS, "a dead-name request");
    World::require(b.notify(to, MACH_NOTIFY_NO_SENDERS, 1, to) == KERN_SUCCESS, "a no-senders request");
  }
  void trap() override {
    PlainMessage message({way, kMoveSend, MACH_PORT_NULL, 0});
    send(a, message);
  }
  unsigned outcome(Judge& judge) override {
    const unsigned queued = w.queued(target(), 100);
    judge.equal(1, target()->srights.get(), "send rights to the target");
    judge.equal(queued == 0, w.entry(a, way) != nullptr, "the sender's name");
    judge.equal(queued, w.queued(reply_port(), MACH_NOTIFY_PORT_DELETED), "PORT_DELETED notifications");
    judge.equal(0u, w.queued(target(), MACH_NOTIFY_NO_SENDERS), "NO_SENDERS notifications");
    return queued;
  }
};

class SendToWaiting : public Sending {
 public:
  using Sending::Sending;
  std::vector<std::string> outcomes() const override { return {"not sent", "handed over"}; }
  void stage() override {
    stage_ports();
    w.put_to_sleep(b, [&] { b.receive(to, 0); });
  }
  void trap() override {
    PlainMessage message({way, kCopySend, reply, kMakeSendOnce});
    send(a, message);
  }
  unsigned outcome(Judge& judge) override {
    const ipc::Kmsg* given = w.given(b);
    judge.expect(given != nullptr || w.sleeps(b), "the receiver neither waits nor has the message");
    judge.equal(0u, w.queued(target()), "messages in the queue");
    if (given != nullptr) judge.equal(100, given->id.get(), "the message that was handed over");
    judge_rights(judge, given != nullptr, false);
    return given != nullptr;
  }
};

// The receiver waits on a set, and a second one behind it.
class SendToSet : public Sending {
 public:
  using Sending::Sending;
  std::vector<std::string> outcomes() const override { return {"not sent", "handed over"}; }
  void stage() override {
    stage_ports();
    set = b.allocate(MACH_PORT_RIGHT_PORT_SET);
    World::require(
        ipc::port_insert_member(b.thread(), b.space(), ipc::Name{to}, ipc::Name{set}) == KERN_SUCCESS,
        "a member");
    w.put_to_sleep(b, [&] { b.receive(set, 0); });
  }
  void trap() override {
    PlainMessage message({way, kCopySend, reply, kMakeSendOnce});
    send(a, message);
  }
  unsigned outcome(Judge& judge) override {
    const ipc::Kmsg* given = w.given(b);
    judge.expect(given != nullptr || w.sleeps(b), "the receiver neither waits nor has the message");
    judge.equal(0u, w.queued(target()), "messages in the queue");
    judge_rights(judge, given != nullptr, false);
    return given != nullptr;
  }

 private:
  mach_port_name_t set = 0;
};

// No room: the sender sleeps, with another one behind it, until a message is received.
class SendBlocked : public Sending {
 public:
  using Sending::Sending;
  std::vector<std::string> outcomes() const override {
    return {"not sent", "died in hand", "died with a slot", "queued"};
  }
  bool may_sleep() const override { return true; }
  void stage() override {
    stage_ports();
    other = b.give_send(to, c);
    for (mach_msg_id_t i = 0; i < 5; i++)
      World::require(b.send(to, kMakeSend, i) == MACH_MSG_SUCCESS, "a full queue");
    // The other sender waits already, so that ours is the second: two are received.
    w.put_to_sleep(c, [&] { c.send(other, kCopySend, 50, MACH_PORT_NULL, 0, 0); });
  }
  void trap() override {
    PlainMessage message({way, kCopySend, reply, kMakeSendOnce});
    send(a, message, 0);
  }
  void asleep(unsigned) override {
    b.receive(to);
    b.receive(to);
  }
  unsigned outcome(Judge& judge) override {
    const unsigned queued = w.queued(target(), 100), left = w.queued(target()) - queued;
    const bool received = left == 3;
    judge.expect(left == 5 || left == 3, "other messages in the queue");
    const bool destroyed = told() == 1;
    judge.equal(1, w.urefs(a, way), "the sender's references");
    judge.equal(queued == 1 || destroyed ? 1 : 0, reply_port()->sorights.get(),
                "send-once rights to the reply port");
    judge.equal(received, !w.sleeps(c), "the other sender has its slot");
    // The other one was promised a slot and has not come yet.
    judge.equal(left + queued + (received ? 1 : 0), target()->msgcount.get(), "the queue's count");
    if (queued == 1) return 3;
    if (destroyed) return received ? 2 : 1;
    judge.expect(!received, "the message has vanished");
    return 0;
  }

 private:
  mach_port_name_t other = 0;
};

// No room, and no end of it in time: the rights come back, one after the other.
class SendTimesOut : public Sending {
 public:
  using Sending::Sending;
  std::vector<std::string> outcomes() const override {
    return {"not sent", "died in hand", "died half given back", "given back"};
  }
  bool takes_time() const override { return true; }
  void stage() override {
    stage_ports();
    for (mach_msg_id_t i = 0; i < 5; i++)
      World::require(b.send(to, kMakeSend, i) == MACH_MSG_SUCCESS, "a full queue");
  }
  void trap() override {
    PlainMessage message({way, kCopySend, reply, kMakeSendOnce});
    send(a, message, MACH_SEND_TIMEOUT, 30);
  }
  unsigned outcome(Judge& judge) override {
    judge.equal(5u, w.queued(target()), "messages in the queue");
    judge.equal(5, target()->msgcount.get(), "the queue's count");
    judge.expect(target()->sender_head == 0, "somebody waits for room");
    const uint32_t references = w.urefs(a, way), back = w.names(a, ipc::kTypeSendOnce);
    judge.equal(told() + back, reply_port()->sorights.get(), "send-once rights to the reply port");
    if (told() == 0 && back == 0) {
      judge.equal(1, references, "the sender's references");
      return 0;
    }
    judge.equal(1, told() + back, "ends of the reply right");
    if (back == 1) {
      judge.equal(2, references, "the sender's references");
      return 3;
    }
    return references == 1 ? 1 : 2;
  }
};

// To a send-once right, which is used up.
class SendOnce : public Sending {
 public:
  using Sending::Sending;
  std::vector<std::string> outcomes() const override { return {"not sent", "queued"}; }
  void stage() override {
    to = b.allocate();
    way = b.give(to, kMakeSendOnce, a);
  }
  void trap() override {
    PlainMessage message({way, kMoveSendOnce, MACH_PORT_NULL, 0});
    send(a, message);
  }
  unsigned outcome(Judge& judge) override {
    const unsigned queued = w.queued(target(), 100);
    judge.equal(1, target()->sorights.get(), "send-once rights");
    judge.equal(queued == 0, w.entry(a, way) != nullptr, "the sender's name");
    judge.equal(0u, w.queued(target(), MACH_NOTIFY_SEND_ONCE), "SEND_ONCE notifications");
    return queued;
  }
};

// To a port that has died: the message is destroyed, and with it the reply right. The send-once right's name
// goes.
class SendSwallowed : public Sending {
 public:
  using Sending::Sending;
  std::vector<std::string> outcomes() const override { return {"not sent", "swallowed"}; }
  void stage() override {
    to = b.allocate();
    way = b.give(to, kMakeSendOnce, a);
    reply = a.allocate();
    b.destroy(to);
  }
  void trap() override {
    PlainMessage message({way, kMoveSendOnce, reply, kMakeSendOnce});
    send(a, message);
  }
  unsigned outcome(Judge& judge) override {
    const bool gone = w.entry(a, way) == nullptr;
    judge.equal(gone, told(), "SEND_ONCE notifications");
    return gone;
  }
};

// To a kernel object, which answers in the sender's own thread.
class SendToKernel : public Sending {
 public:
  using Sending::Sending;
  std::vector<std::string> outcomes() const override {
    return {"not sent", "died in hand", "died in hand, numbered", "answered"};
  }
  void stage() override {
    way = w.bootstrap_port(a);
    reply = a.allocate();
  }
  void trap() override {
    PlainMessage message({way, kCopySend, reply, kMakeSendOnce});
    send(a, message);
  }
  unsigned outcome(Judge& judge) override {
    const unsigned answers = w.queued(reply_port(), 200), dead = told();
    judge.equal(1, w.urefs(a, way), "the sender's references");
    judge.equal(answers + dead, reply_port()->sorights.get(), "send-once rights to the reply port");
    judge.expect(answers + dead <= 1, "more than one end of the reply right");
    return answers != 0 ? 3 : dead != 0 ? 1 + w.port(a, way)->seqno : 0;
  }
};

// Four rights of all kinds, in descriptors.
class SendPorts : public Sending {
 public:
  using Sending::Sending;
  std::vector<std::string> outcomes() const override {
    // Whether the copied right, which is the first, was taken leaves no trace.
    return {"not sent",
            "died before the second right",
            "died with two rights",
            "died with three",
            "died with four",
            "queued"};
  }
  void stage() override {
    stage_ports();
    for (auto& port : ports) port = c.allocate();
    copied = c.give_send(ports[0], a);
    moved = c.give_send(ports[1], a);
    once = c.give(ports[2], kMakeSendOnce, a);
    made = a.allocate();
    for (int i = 0; i < 2; i++)
      World::require(c.notify(ports[i], MACH_NOTIFY_NO_SENDERS, 0, ports[3]) == KERN_SUCCESS,
                     "a no-senders request");
  }
  void trap() override {
    PortsMessage message({way, kCopySend, reply, kMakeSendOnce});
    message.carry(copied, kCopySend)
        .carry(moved, kMoveSend)
        .carry(once, kMoveSendOnce)
        .carry(made, kMakeSend);
    send(a, message);
  }
  unsigned outcome(Judge& judge) override {
    const unsigned queued = w.queued(target(), 100), destroyed = told();
    judge_rights(judge, queued == 1, destroyed == 1);
    const unsigned move_taken = w.entry(a, moved) == nullptr, once_taken = w.entry(a, once) == nullptr;
    const unsigned make_taken = w.port(a, made)->mscount == 1;
    judge.equal(1, w.urefs(a, copied), "references of the copied right");
    judge.equal(1 + queued, w.port(c, ports[0])->srights.get(), "send rights to the first port");
    judge.equal(move_taken && queued == 0, w.queued(w.port(c, ports[3]), MACH_NOTIFY_NO_SENDERS),
                "NO_SENDERS notifications");
    judge.equal(once_taken && queued == 0, w.queued(w.port(c, ports[2]), MACH_NOTIFY_SEND_ONCE),
                "SEND_ONCE notifications");
    judge.equal(queued, w.port(a, made)->srights.get(), "send rights to the made one");
    if (queued == 1) {
      judge.equal(3, move_taken + once_taken + make_taken, "rights that went with the message");
      return 5;
    }
    if (destroyed == 0) {
      judge.equal(0, move_taken + once_taken + make_taken, "rights that have vanished");
      return 0;
    }
    return 1 + move_taken + once_taken + make_taken;
  }

 private:
  mach_port_name_t ports[4] = {}, copied = 0, moved = 0, once = 0, made = 0;
};

// A receive right with a message in its queue; somebody else holds a send right and watches it.
class SendReceiveRight : public Sending {
 public:
  using Sending::Sending;
  std::vector<std::string> outcomes() const override {
    return {"not sent", "died in hand", "port died in hand", "queued"};
  }
  void stage() override {
    stage_ports();
    moved = a.port_with_send();
    theirs = a.give_send(moved, c);
    watch = c.allocate();
    World::require(c.notify(theirs, MACH_NOTIFY_DEAD_NAME, 1, watch) == KERN_SUCCESS, "a dead-name request");
    World::require(a.send(moved, kCopySend, 7, watch_right(), kMoveSendOnce) == MACH_MSG_SUCCESS,
                   "a message");
  }
  void trap() override {
    PortsMessage message({way, kCopySend, reply, kMakeSendOnce});
    message.carry(moved, kMoveReceive);
    send(a, message);
  }
  unsigned outcome(Judge& judge) override {
    const unsigned queued = w.queued(target(), 100), destroyed = told();
    judge_rights(judge, queued == 1, destroyed == 1);
    const Port* port = w.port(c, theirs);
    const bool has = (w.type(a, moved) & ipc::kTypeReceive) != 0;
    const bool alive = port != nullptr && port->active();
    judge.equal(!alive, w.queued(w.port(c, watch), MACH_NOTIFY_DEAD_NAME), "DEAD_NAME notifications");
    judge.equal(!alive, w.queued(w.port(c, watch), MACH_NOTIFY_SEND_ONCE), "rights that died with the queue");
    if (alive) judge.equal(1u, w.queued(port, 7), "messages that move along");
    if (queued == 1) {
      judge.expect(alive && port->is(ipc::kPortInTransit) && !has, "the right is not in transit");
      return 3;
    }
    judge.equal(has, alive, "the port lives where it has a receiver");
    if (destroyed == 0) return judge.expect(has, "the right has vanished"), 0;
    return has ? 1 : 2;
  }

 private:
  mach_port_name_t watch_right() { return c.give(watch, kMakeSendOnce, a); }
  mach_port_name_t moved = 0, theirs = 0, watch = 0;
};

// Memory of three pieces.
class SendMemory : public Sending {
 public:
  using Sending::Sending;
  std::vector<std::string> outcomes() const override { return {"not sent", "died in hand", "queued"}; }
  void stage() override {
    stage_ports();
    for (size_t i = 0; i < sizeof bytes; i++) bytes[i] = static_cast<char>(i * 7 + i / 251);
  }
  void trap() override {
    MemoryMessage message({way, kCopySend, reply, kMakeSendOnce}, bytes, sizeof bytes);
    send(a, message);
  }
  unsigned outcome(Judge& judge) override {
    const unsigned queued = w.queued(target(), 100), destroyed = told();
    judge_rights(judge, queued == 1, destroyed == 1);
    judge.equal(queued != 0 ? 3u : 0u, w.pieces(), "pieces of memory");
    if (queued != 0) {
      const ipc::Descriptor d = ipc::descriptor_at(w.segment(), *w.first_queued(target()), ipc::kBodyFirst);
      size_t at = 0;
      for (Handle<ipc::Data> walk{d.word}; walk; walk.index = w.segment().at(walk).link) {
        const ipc::Data& piece = w.segment().at(walk);
        judge.equal(
            0, at + piece.used > sizeof bytes ? 1 : __builtin_memcmp(piece.bytes, bytes + at, piece.used),
            "bytes");
        at += piece.used;
      }
      judge.equal(sizeof bytes, at, "bytes in the message");
    }
    return queued != 0 ? 2 : destroyed;
  }

 private:
  char bytes[9000];
};

// Rights in an array out of line: three send rights that move.
class SendArray : public Sending {
 public:
  using Sending::Sending;
  std::vector<std::string> outcomes() const override {
    std::vector<std::string> all = {"not sent"};
    for (int i = 0; i <= 3; i++) all.push_back("died with " + std::to_string(i) + " rights");
    all.push_back("queued");
    return all;
  }
  void stage() override {
    stage_ports();
    for (unsigned i = 0; i < 3; i++) {
      ports[i] = c.allocate();
      names[i] = c.give_send(ports[i], a);
      World::require(c.notify(ports[i], MACH_NOTIFY_NO_SENDERS, 0, ports[i]) == KERN_SUCCESS,
                     "a no-senders request");
    }
  }
  void trap() override {
    ArrayMessage message({way, kCopySend, reply, kMakeSendOnce}, names, 3, kMoveSend);
    send(a, message);
  }
  unsigned outcome(Judge& judge) override {
    const unsigned queued = w.queued(target(), 100), destroyed = told();
    judge_rights(judge, queued == 1, destroyed == 1);
    unsigned taken = 0, notices = 0;
    for (unsigned i = 0; i < 3; i++) {
      const bool gone = w.entry(a, names[i]) == nullptr;
      taken += gone;
      notices += w.queued(w.port(c, ports[i]), MACH_NOTIFY_NO_SENDERS);
      judge.equal(gone && queued == 0 ? 0 : 1, w.port(c, ports[i])->srights.get(), "send rights");
    }
    judge.equal(queued == 1 ? 0u : taken, notices, "NO_SENDERS notifications");
    if (queued == 1) return judge.equal(3u, taken, "rights that went along"), 5;
    if (destroyed == 0) return judge.equal(0u, taken, "rights that have vanished"), 0;
    return 1 + taken;
  }

 private:
  mach_port_name_t ports[3] = {}, names[3] = {};
};

// A body of several pieces, none of it descriptors.
class SendLong : public Sending {
 public:
  using Sending::Sending;
  std::vector<std::string> outcomes() const override { return {"not sent", "queued"}; }
  void stage() override { stage_ports(); }
  void trap() override {
    static struct {
      mach_msg_header_t header;
      char bytes[6000];
    } message;
    address(message.header, {way, kCopySend, reply, kMakeSendOnce}, sizeof message);
    send(a, message);
  }
  unsigned outcome(Judge& judge) override {
    const unsigned queued = w.queued(target(), 100);
    judge_rights(judge, queued == 1, false);
    judge.equal(queued != 0 ? 2u : 0u, w.pieces(), "pieces of the body");
    return queued;
  }
};

// MACH_SEND_NOTIFY to a full queue arms the delayed request; the message comes back.
class SendNotify : public Sending {
 public:
  using Sending::Sending;
  std::vector<std::string> outcomes() const override { return {"not sent", "died in hand", "given back"}; }
  void stage() override {
    stage_ports();
    watch = a.allocate();
    for (mach_msg_id_t i = 0; i < 5; i++)
      World::require(b.send(to, kMakeSend, i) == MACH_MSG_SUCCESS, "a full queue");
    World::require(a.notify(way, MACH_NOTIFY_SEND_POSSIBLE, 0, watch) == KERN_SUCCESS,
                   "a send-possible request");
  }
  void trap() override {
    PlainMessage message({way, kCopySend, MACH_PORT_NULL, 0});
    send(a, message, MACH_SEND_TIMEOUT | MACH_SEND_NOTIFY);
  }
  unsigned outcome(Judge& judge) override {
    judge.equal(5u, w.queued(target()), "messages in the queue");
    const unsigned armed = target()->armed, references = w.urefs(a, way);
    judge.expect(references == 1 || armed == 1, "given back, but not armed");
    judge.equal(references == 2 ? 2 : 1, target()->srights == 2 ? 2 : references, "send rights");
    return references == 2 ? 2 : armed;
  }

 private:
  mach_port_name_t watch = 0;
};

constexpr Listed kSend[] = {
    {"send", "copied right, reply right, to an empty queue", make_scenario<Send>, "mach_msg"},
    {"send-move", "the last send right moves; its name is watched", make_scenario<SendMove>, "mach_msg"},
    {"send-waiting", "to a receiver that waits on the port", make_scenario<SendToWaiting>, "mach_msg"},
    {"send-set", "to a receiver that waits on a set", make_scenario<SendToSet>, "mach_msg"},
    {"send-blocked", "to a full queue, behind another sender, until there is room",
     make_scenario<SendBlocked>, "mach_msg"},
    {"send-timeout", "to a full queue, until time is up", make_scenario<SendTimesOut>, "mach_msg"},
    {"send-once", "through a send-once right", make_scenario<SendOnce>, "mach_msg"},
    {"send-swallowed", "through a send-once right whose port is dead", make_scenario<SendSwallowed>,
     "mach_msg"},
    {"send-kernel", "to a kernel object, which answers", make_scenario<SendToKernel>, "mach_msg"},
    {"send-ports", "with four rights of all kinds", make_scenario<SendPorts>, "mach_msg"},
    {"send-receive-right", "with a receive right that has a queue and is watched",
     make_scenario<SendReceiveRight>, "mach_msg"},
    {"send-memory", "with out-of-line memory", make_scenario<SendMemory>, "mach_msg"},
    {"send-array", "with an out-of-line array of rights", make_scenario<SendArray>, "mach_msg"},
    {"send-long", "with a body of several pieces", make_scenario<SendLong>, "mach_msg"},
    {"send-notify", "with MACH_SEND_NOTIFY, to a full queue", make_scenario<SendNotify>, "mach_msg"},
};

}  // namespace

std::span<const Listed> send_scenarios() { return kSend; }

}  // namespace portolan::proof
