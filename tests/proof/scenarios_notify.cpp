// SPDX-License-Identifier: Apache-2.0
// Requests for notifications, registered, replaced, and fulfilled at once; and the one notification that
// carries a right.
#include "proof/messages.hpp"
#include "proof/scenario.hpp"

namespace portolan::proof {

namespace {

// The notify right is made from `watch`; where it does not end up registered, its end is told there.
class Requesting : public Scenario {
 public:
  using Scenario::Scenario;

 protected:
  const Port* watch_port() { return w.port(a, watch); }
  unsigned told() { return w.queued(watch_port(), MACH_NOTIFY_SEND_ONCE); }
  mach_port_name_t watch = 0;
};

class RequestNoSenders : public Requesting {
 public:
  using Requesting::Requesting;
  std::vector<std::string> outcomes() const override { return {"before", "died in hand", "registered"}; }
  void stage() override {
    watch = a.allocate();
    port = a.port_with_send();
  }
  void trap() override { a.notify(port, MACH_NOTIFY_NO_SENDERS, 0, watch); }
  unsigned outcome(Judge& judge) override {
    const bool armed = w.port(a, port)->no_senders != 0;
    judge.equal(armed + told(), watch_port()->sorights.get(), "send-once rights");
    return armed ? 2 : told() != 0 ? 1 : 0;
  }

 private:
  mach_port_name_t port = 0;
};

// There are none: the message is sent at once.
class RequestNoSendersNow : public Requesting {
 public:
  using Requesting::Requesting;
  std::vector<std::string> outcomes() const override { return {"before", "died in hand", "sent"}; }
  void stage() override {
    watch = a.allocate();
    port = a.allocate();
  }
  void trap() override { a.notify(port, MACH_NOTIFY_NO_SENDERS, 0, watch); }
  unsigned outcome(Judge& judge) override {
    const unsigned sent = w.queued(watch_port(), MACH_NOTIFY_NO_SENDERS);
    judge.equal(sent + told(), watch_port()->sorights.get(), "send-once rights");
    return sent != 0 ? 2 : told() != 0 ? 1 : 0;
  }

 private:
  mach_port_name_t port = 0;
};

// In place of another request, whose right comes back.
class RequestReplaced : public Requesting {
 public:
  using Requesting::Requesting;
  std::vector<std::string> outcomes() const override {
    return {"before", "new one died in hand", "old one died in hand", "replaced"};
  }
  void stage() override {
    watch = a.allocate();
    old = a.allocate();
    way = b.give_send(b.allocate(), a);
    World::require(a.notify(way, MACH_NOTIFY_DEAD_NAME, 1, old) == KERN_SUCCESS, "a request");
  }
  void trap() override { a.notify(way, MACH_NOTIFY_DEAD_NAME, 1, watch); }
  unsigned outcome(Judge& judge) override {
    const unsigned old_dead = w.queued(w.port(a, old), MACH_NOTIFY_SEND_ONCE),
                   back = w.names(a, ipc::kTypeSendOnce);
    const ipc::Entry* entry = w.entry(a, way);
    judge.expect(entry != nullptr && entry->request != 0, "no request");
    if (entry == nullptr || entry->request == 0) return 0;
    const uint32_t notify = w.segment().at(Handle<ipc::Request>{entry->request}).notify;
    const bool is_new = notify == w.segment().handle_of(*watch_port()).index;
    judge.equal(1, w.port(a, old)->sorights.get(), "send-once rights of the old one");
    judge.equal(is_new + told(), watch_port()->sorights.get(), "send-once rights of the new one");
    judge.equal(is_new, old_dead + back, "ends of the old right");
    if (!is_new) return told() != 0 ? 1 : 0;
    return old_dead != 0 ? 2 : 3;
  }

 private:
  mach_port_name_t old = 0, way = 0;
};

// The name is dead already: the notification comes at once, with one more reference.
class RequestDeadNow : public Requesting {
 public:
  using Requesting::Requesting;
  std::vector<std::string> outcomes() const override { return {"before", "died in hand", "sent"}; }
  // A name whose port has died is a dead name at the next look, whoever looks: no program can tell when.
  bool same_portraits() const override { return false; }
  void stage() override {
    watch = a.allocate();
    const mach_port_name_t port = b.allocate();
    way = b.give_send(port, a);
    b.destroy(port);
  }
  void trap() override { a.notify(way, MACH_NOTIFY_DEAD_NAME, 1, watch); }
  unsigned outcome(Judge& judge) override {
    const unsigned sent = w.queued(watch_port(), MACH_NOTIFY_DEAD_NAME);
    judge.equal(sent + told(), watch_port()->sorights.get(), "send-once rights");
    judge.equal(1 + sent, w.urefs(a, way), "references of the name");
    return sent != 0 ? 2 : told() != 0 ? 1 : 0;
  }

 private:
  mach_port_name_t way = 0;
};

class RequestSendPossible : public Requesting {
 public:
  using Requesting::Requesting;
  std::vector<std::string> outcomes() const override { return {"before", "died in hand", "armed"}; }
  void stage() override {
    watch = a.allocate();
    port = b.allocate();
    way = b.give_send(port, a);
    for (mach_msg_id_t i = 0; i < 5; i++)
      World::require(a.send(way, kCopySend, i) == MACH_MSG_SUCCESS, "a full queue");
  }
  void trap() override { a.notify(way, MACH_NOTIFY_SEND_POSSIBLE, 1, watch); }
  unsigned outcome(Judge& judge) override {
    const unsigned armed = w.port(b, port)->armed;
    judge.equal(armed + told(), watch_port()->sorights.get(), "send-once rights");
    return armed != 0 ? 2 : told() != 0 ? 1 : 0;
  }

 private:
  mach_port_name_t port = 0, way = 0;
};

class RequestPortDestroyed : public Requesting {
 public:
  using Requesting::Requesting;
  std::vector<std::string> outcomes() const override { return {"before", "died in hand", "registered"}; }
  void stage() override {
    watch = a.allocate();
    port = a.port_with_send();
  }
  void trap() override { a.notify(port, MACH_NOTIFY_PORT_DESTROYED, 0, watch); }
  unsigned outcome(Judge& judge) override {
    const bool armed = w.port(a, port)->port_destroyed != 0;
    judge.equal(armed + told(), watch_port()->sorights.get(), "send-once rights");
    return armed ? 2 : told() != 0 ? 1 : 0;
  }

 private:
  mach_port_name_t port = 0;
};

// The receive right is given up, and travels in the notification.
class PortDestroyed : public Scenario {
 public:
  using Scenario::Scenario;
  std::vector<std::string> outcomes() const override { return {"before", "on its way to the watcher"}; }
  void stage() override {
    port = a.allocate();
    theirs = a.give_send(port, c);
    const mach_port_name_t watch_there = b.allocate();
    watch = watch_there;
    const mach_port_name_t right = b.give(watch, kMakeSendOnce, a);
    World::require(
        a.notify(port, MACH_NOTIFY_PORT_DESTROYED, 0, right, nullptr, kMoveSendOnce) == KERN_SUCCESS,
        "a request");
    World::require(c.send(theirs, kCopySend, 7) == MACH_MSG_SUCCESS, "a message");
    set = a.allocate(MACH_PORT_RIGHT_PORT_SET);
    World::require(
        ipc::port_insert_member(a.thread(), a.space(), ipc::Name{port}, ipc::Name{set}) == KERN_SUCCESS,
        "a member");
  }
  void trap() override { a.mod_refs(port, MACH_PORT_RIGHT_RECEIVE, -1); }
  unsigned outcome(Judge& judge) override {
    const bool there = w.entry(a, port) != nullptr;
    const Port* it = w.port(c, theirs);
    judge.expect(it != nullptr && it->active(), "the port has died");
    judge.equal(!there, w.queued(w.port(b, watch), MACH_NOTIFY_PORT_DESTROYED),
                "PORT_DESTROYED notifications");
    judge.equal(!there, it->is(ipc::kPortInTransit), "the right is in transit");
    judge.equal(1u, w.queued(it, 7), "messages in the queue");
    return !there;
  }

 private:
  mach_port_name_t port = 0, theirs = 0, watch = 0, set = 0;
};

// A port with several requests, some of them armed: `b` holds the receive right, `a` and two threads' worth
// of names of `c` ask.
class RequestList : public Scenario {
 public:
  using Scenario::Scenario;

 protected:
  // Requests by dead names first, then armed ones; `a` asks in the middle where it does.
  void stage_port() {
    port = b.allocate();
    way = b.give_send(port, a);
    watch = a.allocate();
  }
  void fill_queue() {
    for (mach_msg_id_t i = 0; i < 5; i++)
      World::require(b.send(port, kMakeSend, i) == MACH_MSG_SUCCESS, "a full queue");
  }
  // Send-once rights are names of their own, each with a request.
  mach_port_name_t asks(TestTask& task, mach_msg_id_t id) {
    const mach_port_name_t name = b.give(port, kMakeSendOnce, task);
    World::require(task.notify(name, id, 1, task.allocate()) == KERN_SUCCESS, "a request");
    return name;
  }
  const Port& it() { return *w.port(b, port); }
  mach_port_name_t port = 0, way = 0, watch = 0;
};

// A third request, behind two others.
class RequestThird : public RequestList {
 public:
  using RequestList::RequestList;
  std::vector<std::string> outcomes() const override { return {"before", "died in hand", "registered"}; }
  void stage() override {
    stage_port();
    asks(c, MACH_NOTIFY_DEAD_NAME);
    asks(c, MACH_NOTIFY_DEAD_NAME);
  }
  void trap() override { a.notify(way, MACH_NOTIFY_DEAD_NAME, 1, watch); }
  unsigned outcome(Judge& judge) override {
    const unsigned told = w.queued(w.port(a, watch), MACH_NOTIFY_SEND_ONCE);
    const bool registered = it().request_count == 3;
    judge.expect(!registered || told == 0, "registered, and ended");
    return registered ? 2 : told;
  }
};

// The middle one of three is withdrawn: its right comes back.
class RequestWithdrawn : public RequestList {
 public:
  using RequestList::RequestList;
  std::vector<std::string> outcomes() const override { return {"before", "died in hand", "withdrawn"}; }
  void stage() override {
    stage_port();
    asks(c, MACH_NOTIFY_DEAD_NAME);
    World::require(a.notify(way, MACH_NOTIFY_DEAD_NAME, 1, watch) == KERN_SUCCESS, "a request");
    asks(c, MACH_NOTIFY_DEAD_NAME);
  }
  void trap() override { a.notify(way, MACH_NOTIFY_DEAD_NAME, 1, MACH_PORT_NULL); }
  unsigned outcome(Judge& judge) override {
    const unsigned told = w.queued(w.port(a, watch), MACH_NOTIFY_SEND_ONCE);
    if (it().request_count == 3) return judge.equal(0u, told, "notices"), 0;
    judge.equal(1u, told + w.names(a, ipc::kTypeSendOnce), "the right, or word of its end");
    return told != 0 ? 1 : 2;
  }
};

// An armed request in front of another one.
class RequestSecondArmed : public RequestList {
 public:
  using RequestList::RequestList;
  std::vector<std::string> outcomes() const override { return {"before", "died in hand", "armed"}; }
  void stage() override {
    stage_port();
    fill_queue();
    const mach_port_name_t other = b.give_send(port, c);
    World::require(c.notify(other, MACH_NOTIFY_SEND_POSSIBLE, 1, c.allocate()) == KERN_SUCCESS, "a request");
  }
  void trap() override { a.notify(way, MACH_NOTIFY_SEND_POSSIBLE, 1, watch); }
  unsigned outcome(Judge& judge) override {
    const unsigned told = w.queued(w.port(a, watch), MACH_NOTIFY_SEND_ONCE);
    const bool armed = it().armed == 2;
    judge.expect(!armed || told == 0, "armed, and ended");
    return armed ? 2 : told;
  }
};

constexpr Listed kNotify[] = {
    {"request-no-senders", "registered", make_scenario<RequestNoSenders>, "mach_port_request_notification"},
    {"request-no-senders-now", "fulfilled at once", make_scenario<RequestNoSendersNow>,
     "mach_port_request_notification"},
    {"request-dead-name", "in place of another", make_scenario<RequestReplaced>,
     "mach_port_request_notification"},
    {"request-dead-name-now", "for a name that is dead", make_scenario<RequestDeadNow>,
     "mach_port_request_notification"},
    {"request-send-possible", "armed", make_scenario<RequestSendPossible>, "mach_port_request_notification"},
    {"request-port-destroyed", "registered", make_scenario<RequestPortDestroyed>,
     "mach_port_request_notification"},
    {"port-destroyed", "the notification that carries a right", make_scenario<PortDestroyed>,
     "mach_port_destroy"},
    {"request-third", "behind two others", make_scenario<RequestThird>, "mach_port_request_notification"},
    {"request-withdrawn", "the middle one of three", make_scenario<RequestWithdrawn>,
     "mach_port_request_notification"},
    {"request-second-armed", "in front of another that is armed", make_scenario<RequestSecondArmed>,
     "mach_port_request_notification"},
};

}  // namespace

std::span<const Listed> notify_scenarios() { return kNotify; }

}  // namespace portolan::proof
