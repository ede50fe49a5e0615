// SPDX-License-Identifier: Apache-2.0
// Receiving: the message is in the queue still, or it died with its receiver and its rights with it, or the
// rights are the receiver's. What a sleeping receiver was given and did not take goes to the queue's head, or
// to the next receiver.
#include <string.h>

#include "proof/passing.hpp"

namespace portolan::proof {

namespace {

class Receive : public Receiving {
 public:
  using Receiving::Receiving;
  std::vector<std::string> outcomes() const override {
    return {"queued", "died with the receiver", "received"};
  }
  void stage() override {
    stage_ports();
    PlainMessage message({way, kCopySend, reply, kMakeSendOnce});
    World::require(send(b, message) == MACH_MSG_SUCCESS, "a message");
  }
  void trap() override { a.receive(from); }
  unsigned outcome(Judge& judge) override {
    judge_reply(judge);
    const unsigned queued = w.queued(source(), 100);
    judge.equal(queued, source()->msgcount.get(), "the queue's count");
    judge.equal(1 + queued, source()->srights.get(), "send rights");
    return queued != 0 ? 0 : told() != 0 ? 1 : 2;
  }
};

// From a set, of which the port is a member.
class ReceiveFromSet : public Receive {
 public:
  using Receive::Receive;
  void stage() override {
    Receive::stage();
    set = a.allocate(MACH_PORT_RIGHT_PORT_SET);
    World::require(
        ipc::port_insert_member(a.thread(), a.space(), ipc::Name{from}, ipc::Name{set}) == KERN_SUCCESS,
        "a member");
  }
  void trap() override { a.receive(set); }

 private:
  mach_port_name_t set = 0;
};

// A slot comes free: the sender that waits for it is woken.
class ReceiveFromFull : public Receiving {
 public:
  using Receiving::Receiving;
  std::vector<std::string> outcomes() const override { return {"queued", "received"}; }
  void stage() override {
    stage_ports();
    for (mach_msg_id_t i = 0; i < 5; i++)
      World::require(b.send(way, kCopySend, i) == MACH_MSG_SUCCESS, "a full queue");
    w.put_to_sleep(b, [&] { b.send(way, kCopySend, 50, MACH_PORT_NULL, 0, 0); });
  }
  void trap() override { a.receive(from); }
  // A message without rights leaves no trace when it dies with its receiver.
  unsigned outcome(Judge& judge) override {
    const unsigned left = w.queued(source());
    judge.expect(left == 5 || left == 4, "messages in the queue");
    judge.equal(5, source()->msgcount.get(), "the queue's count, a promised slot included");
    judge.equal(left == 5, w.sleeps(b), "the sender waits");
    return left == 4;
  }
};

// The receiver sleeps until a message comes, with another receiver behind it: what it does not take, that one
// gets.
class ReceiveAsleep : public Receiving {
 public:
  using Receiving::Receiving;
  std::vector<std::string> outcomes() const override {
    return {"nothing was sent", "given back", "died with the receiver", "received"};
  }
  bool may_sleep() const override { return true; }
  void stage() override { stage_ports(); }
  void trap() override { a.receive(from, 0); }
  void asleep(unsigned) override {
    PlainMessage message({way, kCopySend, reply, kMakeSendOnce});
    send(b, message);
  }
  unsigned outcome(Judge& judge) override {
    judge.expect(source()->receiver_head == 0, "somebody waits");
    const unsigned queued = w.queued(source(), 100), names = w.names(a, ipc::kTypeSendOnce);
    judge.equal(queued, source()->msgcount.get(), "the queue's count");
    judge.equal(queued + names + told(), reply_port()->sorights.get(), "send-once rights to the reply port");
    judge.expect(queued + names + told() <= 1, "the reply right is in more than one place");
    return queued != 0 ? 1 : told() != 0 ? 2 : names != 0 ? 3 : 0;
  }
};

// Two receivers sleep; the first dies with the message in its hands, unread.
class ReceiveBeforeAnother : public Receiving {
 public:
  using Receiving::Receiving;
  std::vector<std::string> outcomes() const override {
    return {"nothing was sent", "the other one has it", "died with the receiver", "received"};
  }
  bool may_sleep() const override { return true; }
  void stage() override {
    stage_ports();
    second = w.task_thread(a);
  }
  void trap() override { a.receive(from, 0); }
  void asleep(unsigned) override {
    // Only now, so that the first one is the first.
    w.put_to_sleep(*second, [&] { second->receive(from, 0); });
    PlainMessage message({way, kCopySend, reply, kMakeSendOnce});
    send(b, message);
  }
  unsigned outcome(Judge& judge) override {
    const unsigned queued = w.queued(source(), 100), names = w.names(a, ipc::kTypeSendOnce);
    const bool given = w.given(*second) != nullptr;
    judge.equal(0u, queued, "messages in the queue");
    judge.expect(given + names + told() <= 1, "the reply right is in more than one place");
    judge.equal(given + names + told(), reply_port()->sorights.get(), "send-once rights to the reply port");
    return given ? 1 : told() != 0 ? 2 : names != 0 ? 3 : 0;
  }

 private:
  TestTask* second = nullptr;
};

// Rights in descriptors: each is the receiver's or dies.
class ReceivePorts : public Receiving {
 public:
  using Receiving::Receiving;
  std::vector<std::string> outcomes() const override {
    return {"queued",         "died whole", "died after the header", "died after one right",
            "died after two", "received"};
  }
  void stage() override {
    stage_ports();
    for (auto& port : ports) port = c.allocate();
    const mach_port_name_t moved = c.give_send(ports[0], b), once = c.give(ports[1], kMakeSendOnce, b);
    World::require(c.notify(ports[0], MACH_NOTIFY_NO_SENDERS, 0, ports[2]) == KERN_SUCCESS,
                   "a no-senders request");
    made = b.allocate();
    World::require(b.notify(made, MACH_NOTIFY_NO_SENDERS, 1, made) == KERN_SUCCESS, "a no-senders request");
    PortsMessage message({way, kCopySend, reply, kMakeSendOnce});
    message.carry(moved, kMoveSend).carry(once, kMoveSendOnce).carry(made, kMakeSend);
    World::require(send(b, message) == MACH_MSG_SUCCESS, "a message");
  }
  void trap() override { a.receive(from); }
  unsigned outcome(Judge& judge) override {
    const unsigned queued = w.queued(source(), 100);
    const unsigned no_senders = w.queued(w.port(c, ports[2]), MACH_NOTIFY_NO_SENDERS);
    const unsigned once_dead = w.queued(w.port(c, ports[1]), MACH_NOTIFY_SEND_ONCE);
    const unsigned made_dead = w.queued(w.port(b, made), MACH_NOTIFY_NO_SENDERS);
    const unsigned sends = w.names(a, ipc::kTypeSend), onces = w.names(a, ipc::kTypeSendOnce);
    if (queued != 0) {
      judge.equal(0u, no_senders + once_dead + made_dead + sends + onces + told(),
                  "rights outside the message");
      return 0;
    }
    judge.equal(1, w.port(c, ports[1])->sorights.get(), "send-once rights");
    judge.equal(4u, no_senders + once_dead + made_dead + sends + onces + told(),
                "rights received, and ends told");
    if (told() != 0) return judge.equal(0u, sends + onces, "rights received before the header's"), 1;
    if (no_senders != 0) return 2;
    if (once_dead != 0) return 3;
    return made_dead != 0 ? 4 : 5;
  }

 private:
  mach_port_name_t ports[3] = {}, made = 0;
};

// A receive right, watched by a holder of a send right, with a message in its queue.
class ReceiveReceiveRight : public Receiving {
 public:
  using Receiving::Receiving;
  std::vector<std::string> outcomes() const override {
    return {"queued", "died whole", "died after the header", "received"};
  }
  void stage() override {
    stage_ports();
    const mach_port_name_t moved = b.port_with_send();
    theirs = b.give_send(moved, c);
    watch = c.allocate();
    World::require(c.notify(theirs, MACH_NOTIFY_DEAD_NAME, 1, watch) == KERN_SUCCESS, "a dead-name request");
    World::require(b.send(moved, kCopySend, 7) == MACH_MSG_SUCCESS, "a message");
    PortsMessage message({way, kCopySend, reply, kMakeSendOnce});
    message.carry(moved, kMoveReceive);
    World::require(send(b, message) == MACH_MSG_SUCCESS, "a message");
  }
  void trap() override { a.receive(from); }
  unsigned outcome(Judge& judge) override {
    judge_reply(judge);
    const unsigned queued = w.queued(source(), 100), dead = w.queued(w.port(c, watch), MACH_NOTIFY_DEAD_NAME);
    const Port* port = w.port(c, theirs);
    const bool alive = port != nullptr && port->active();
    judge.equal(!alive, dead, "DEAD_NAME notifications");
    if (alive) judge.equal(1u, w.queued(port, 7), "messages in the moved queue");
    const unsigned receives = w.names(a, ipc::kTypeReceive);
    judge.equal(alive && queued == 0 ? 2u : 1u, receives, "receive rights");
    if (alive) judge.equal(queued == 1, port->is(ipc::kPortInTransit), "the right is in transit");
    return queued != 0 ? 0 : alive ? 3 : told() != 0 ? 1 : 2;
  }

 private:
  mach_port_name_t theirs = 0, watch = 0;
};

class ReceiveMemory : public Receiving {
 public:
  using Receiving::Receiving;
  std::vector<std::string> outcomes() const override { return {"queued", "died whole", "received"}; }
  void stage() override {
    stage_ports();
    memset(bytes, 5, sizeof bytes);
    MemoryMessage message({way, kCopySend, reply, kMakeSendOnce}, bytes, sizeof bytes);
    World::require(send(b, message) == MACH_MSG_SUCCESS, "a message");
  }
  void trap() override { a.receive(from); }
  unsigned outcome(Judge& judge) override {
    judge_reply(judge);
    const unsigned queued = w.queued(source(), 100);
    judge.equal(queued != 0 ? 3u : 0u, w.pieces(), "pieces of memory");
    return queued != 0 ? 0 : told() != 0 ? 1 : 2;
  }

 private:
  char bytes[9000];
};

class ReceiveArray : public Receiving {
 public:
  using Receiving::Receiving;
  std::vector<std::string> outcomes() const override {
    return {"queued",         "died whole", "died after the header", "died after one right",
            "died after two", "received"};
  }
  void stage() override {
    stage_ports();
    mach_port_name_t names[3];
    for (unsigned i = 0; i < 3; i++) {
      ports[i] = c.allocate();
      names[i] = c.give_send(ports[i], b);
      World::require(c.notify(ports[i], MACH_NOTIFY_NO_SENDERS, 0, ports[i]) == KERN_SUCCESS,
                     "a no-senders request");
    }
    ArrayMessage message({way, kCopySend, reply, kMakeSendOnce}, names, 3, kMoveSend);
    World::require(send(b, message) == MACH_MSG_SUCCESS, "a message");
  }
  void trap() override { a.receive(from); }
  unsigned outcome(Judge& judge) override {
    judge_reply(judge);
    const unsigned queued = w.queued(source(), 100), sends = w.names(a, ipc::kTypeSend);
    unsigned dead = 0;
    for (mach_port_name_t port : ports) dead += w.queued(w.port(c, port), MACH_NOTIFY_NO_SENDERS);
    judge.equal(queued != 0 ? 0u : 3u, sends + dead, "rights received, and ends told");
    if (queued != 0) return 0;
    if (told() != 0) return judge.equal(0u, sends, "rights received before the header's"), 1;
    return 2 + sends;
  }

 private:
  mach_port_name_t ports[3] = {};
};

// Too large for the buffer: taken all the same, and everything in it destroyed.
class ReceiveTooLarge : public Receiving {
 public:
  using Receiving::Receiving;
  std::vector<std::string> outcomes() const override { return {"queued", "destroyed"}; }
  void stage() override {
    stage_ports();
    PlainMessage message({way, kCopySend, reply, kMakeSendOnce});
    World::require(send(b, message) == MACH_MSG_SUCCESS, "a message");
  }
  void trap() override { a.receive(from, MACH_RCV_TIMEOUT, 0, 40); }
  unsigned outcome(Judge& judge) override {
    judge_reply(judge);
    return w.queued(source(), 100) == 0;
  }
};

// A request and its reply in one call; the peer answers while we sleep.
class SendAndReceive : public Scenario {
 public:
  using Scenario::Scenario;
  std::vector<std::string> outcomes() const override {
    return {"not sent", "requested", "answered", "answer died with the receiver", "died after the header",
            "received"};
  }
  bool may_sleep() const override { return true; }
  void stage() override {
    service = b.allocate();
    way = b.give_send(service, a);
    reply = a.allocate();
    // What the answer carries: a right whose end would be told.
    gift = b.allocate();
    World::require(b.notify(gift, MACH_NOTIFY_NO_SENDERS, 1, gift) == KERN_SUCCESS, "a no-senders request");
  }
  void trap() override {
    struct {
      PlainMessage message;
      char room[400];
    } rpc{PlainMessage({way, kCopySend, reply, kMakeSendOnce}), {}};
    a.msg(&rpc.message.header, MACH_SEND_MSG | MACH_RCV_MSG, sizeof rpc.message, sizeof rpc, reply);
  }
  void asleep(unsigned) override {
    TestTask::Received request = b.receive(service);
    PortsMessage answer({request.header().msgh_remote_port, kMoveSendOnce, MACH_PORT_NULL, 0, 200});
    answer.carry(gift, kMakeSend);
    send(b, answer);
  }
  unsigned outcome(Judge& judge) override {
    const Port* back = w.port(a, reply);
    const unsigned requests = w.queued(w.port(b, service), 100), answers = w.queued(back, 200);
    const unsigned received = w.names(a, ipc::kTypeSend) - 1;
    const unsigned dead = w.queued(w.port(b, gift), MACH_NOTIFY_NO_SENDERS);
    judge.expect(back->receiver_head == 0, "somebody waits");
    judge.expect(requests + answers + received + dead <= 1, "more than one place");
    // The end of an answer that nobody had opened yet is told, as that of any send-once right.
    const unsigned told = w.queued(back, MACH_NOTIFY_SEND_ONCE);
    judge.equal(requests + answers + told, back->sorights.get(), "send-once rights to the reply port");
    judge.equal(answers + received, w.port(b, gift)->srights.get(), "send rights to the gift");
    judge.expect(told <= dead, "the end of the answer was told, and it lives");
    return requests != 0 ? 1 : answers != 0 ? 2 : dead != 0 ? (told != 0 ? 3 : 4) : received != 0 ? 5 : 0;
  }

 private:
  mach_port_name_t service = 0, way = 0, reply = 0, gift = 0;
};

// Nothing comes in time.
class ReceiveTimesOut : public Receiving {
 public:
  using Receiving::Receiving;
  std::vector<std::string> outcomes() const override { return {"nothing"}; }
  bool takes_time() const override { return true; }
  void stage() override { stage_ports(); }
  void trap() override { a.receive(from, MACH_RCV_TIMEOUT, 30); }
  unsigned outcome(Judge& judge) override {
    judge.expect(source()->receiver_head == 0, "somebody waits");
    return 0;
  }
};

// Armed send-possible requests fire when a message leaves a full queue.
class ReceiveFires : public Receiving {
 public:
  using Receiving::Receiving;
  std::vector<std::string> outcomes() const override { return {"queued", "taken", "fired", "received"}; }
  void stage() override {
    stage_ports();
    for (mach_msg_id_t i = 0; i < 5; i++)
      World::require(b.send(way, kCopySend, 100, reply, kMakeSendOnce) == MACH_MSG_SUCCESS, "a full queue");
    World::require(b.notify(way, MACH_NOTIFY_SEND_POSSIBLE, 1, reply) == KERN_SUCCESS,
                   "a send-possible request");
  }
  void trap() override { a.receive(from); }
  unsigned outcome(Judge& judge) override {
    const unsigned queued = w.queued(source(), 100),
                   fired = w.queued(reply_port(), MACH_NOTIFY_SEND_POSSIBLE);
    const unsigned names = w.names(a, ipc::kTypeSendOnce);
    judge.equal(queued + names + told() + source()->armed + fired, reply_port()->sorights.get(),
                "send-once rights");
    judge.equal(1, source()->armed + fired, "the request and its notification");
    judge.equal(5u, queued + names + told(), "reply rights");
    if (queued == 5) return judge.equal(0u, fired, "notifications too early"), 0;
    return fired == 0 ? 1 : names == 0 ? 2 : 3;
  }
};

constexpr Listed kReceive[] = {
    {"receive", "a message with a reply right", make_scenario<Receive>, "mach_msg"},
    {"receive-set", "the same, from a set", make_scenario<ReceiveFromSet>, "mach_msg"},
    {"receive-full", "from a full queue, with a sender that waits", make_scenario<ReceiveFromFull>,
     "mach_msg"},
    {"receive-asleep", "asleep until a message comes", make_scenario<ReceiveAsleep>, "mach_msg"},
    {"receive-two", "the same, with another receiver behind", make_scenario<ReceiveBeforeAnother>,
     "mach_msg"},
    {"receive-ports", "three rights of all kinds", make_scenario<ReceivePorts>, "mach_msg"},
    {"receive-receive-right", "a receive right that has a queue and is watched",
     make_scenario<ReceiveReceiveRight>, "mach_msg"},
    {"receive-memory", "out-of-line memory", make_scenario<ReceiveMemory>, "mach_msg"},
    {"receive-array", "an out-of-line array of rights", make_scenario<ReceiveArray>, "mach_msg"},
    {"receive-too-large", "into a buffer that is too small", make_scenario<ReceiveTooLarge>, "mach_msg"},
    {"send-receive", "a request and its answer in one call", make_scenario<SendAndReceive>, "mach_msg"},
    {"receive-timeout", "until time is up", make_scenario<ReceiveTimesOut>, "mach_msg"},
    {"receive-fires", "with an armed send-possible request", make_scenario<ReceiveFires>, "mach_msg"},
};

}  // namespace

std::span<const Listed> receive_scenarios() { return kReceive; }

}  // namespace portolan::proof
