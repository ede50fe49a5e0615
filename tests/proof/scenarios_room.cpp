// SPDX-License-Identifier: Apache-2.0
// Sending where there is no room, or just enough of it: the message comes back, waits, or goes straight to a
// receiver; auxiliary data go along.
#include "ipc/mach_msg.hpp"
#include "ipc/space.hpp"
#include "proof/passing.hpp"
#include "segment/recovery.hpp"
#include "segment/zone.hpp"

namespace portolan::proof {

namespace {

using ipc::Name;

class Crowded : public Sending {
 public:
  using Sending::Sending;

 protected:
  void fill_queue() {
    for (mach_msg_id_t i = 0; i < 5; i++)
      World::require(b.send(to, kMakeSend, i) == MACH_MSG_SUCCESS, "a full queue");
  }
};

// The sender's table is full, too: the reply right, which would need a new name, does not come back.
class BackWithoutRoom : public Crowded {
 public:
  using Crowded::Crowded;
  std::vector<std::string> outcomes() const override { return {"not sent", "the reply right is destroyed"}; }
  void stage() override {
    stage_ports();
    fill_queue();
    w.fill_table(a);
  }
  void trap() override {
    PlainMessage message({way, kCopySend, reply, kMakeSendOnce});
    send(a, message);
  }
  unsigned outcome(Judge& judge) override {
    judge.equal(5u, w.queued(target()), "messages in the queue");
    judge.equal(told(), reply_port()->sorights.get(), "send-once rights to the reply port");
    return told();
  }
};

// MACH_SEND_NOTIFY, with a request, while there is room.
class NotifyWithRoom : public Crowded {
 public:
  using Crowded::Crowded;
  std::vector<std::string> outcomes() const override { return {"not sent", "queued"}; }
  void stage() override {
    stage_ports();
    watch = a.allocate();
    World::require(a.notify(way, MACH_NOTIFY_SEND_POSSIBLE, 0, watch) == KERN_SUCCESS, "a request");
  }
  void trap() override {
    PlainMessage message({way, kCopySend, reply, kMakeSendOnce});
    send(a, message, MACH_SEND_TIMEOUT | MACH_SEND_NOTIFY);
  }
  unsigned outcome(Judge& judge) override {
    const unsigned queued = w.queued(target(), 100);
    judge.equal(0, target()->armed.get(), "armed requests");
    judge_rights(judge, queued == 1, false);
    return queued;
  }

 private:
  mach_port_name_t watch = 0;
};

// The sender has been promised a slot when the port dies.
class PromisedAndDead : public Crowded {
 public:
  using Crowded::Crowded;
  std::vector<std::string> outcomes() const override { return {"not sent", "died in hand", "the port died"}; }
  bool may_sleep() const override { return true; }
  void stage() override {
    stage_ports();
    fill_queue();
  }
  void trap() override {
    PlainMessage message({way, kCopySend, reply, kMakeSendOnce});
    send(a, message, 0);
  }
  void asleep(unsigned) override {
    b.receive(to);
    b.destroy(to);
  }
  unsigned outcome(Judge& judge) override {
    const bool dead = target() == nullptr;
    judge.expect(!dead || told() == 1, "the reply right has vanished");
    return dead ? 2 : told();
  }
};

// The sender has been promised a slot, the queue is empty, and a receiver waits: it gets the message.
class PromisedAndAwaited : public Crowded {
 public:
  using Crowded::Crowded;
  std::vector<std::string> outcomes() const override {
    return {"not sent", "died in hand", "died with a slot", "the receiver has it"};
  }
  bool may_sleep() const override { return true; }
  void stage() override {
    stage_ports();
    fill_queue();
  }
  void trap() override {
    PlainMessage message({way, kCopySend, reply, kMakeSendOnce});
    send(a, message, 0);
  }
  void asleep(unsigned) override {
    for (unsigned i = 0; i < 5; i++) b.receive(to);
    w.put_to_sleep(b, [this] { b.receive(to, 0); });
  }
  unsigned outcome(Judge& judge) override {
    const bool given = w.given(b) != nullptr, received = w.queued(target()) == 0;
    judge.equal(0u, w.queued(target(), 100), "messages in the queue");
    judge.equal(received ? 0 : 5, target()->msgcount.get(), "the queue's count");
    judge.equal(given || told() != 0 ? 1 : 0, reply_port()->sorights.get(),
                "send-once rights to the reply port");
    if (given) return 3;
    return told() == 0 ? 0 : received ? 2 : 1;
  }
};

// With auxiliary data.
class SendAux : public Crowded {
 public:
  using Crowded::Crowded;
  std::vector<std::string> outcomes() const override { return {"not sent", "died in hand", "queued"}; }
  void stage() override { stage_ports(); }
  void trap() override {
    static struct {
      mach_msg_aux_header_t header{sizeof(mach_msg_aux_header_t) + 8, 0};
      uint32_t words[2] = {1, 2};
    } aux;
    static PlainMessage message({way, kCopySend, reply, kMakeSendOnce});
    address(message.header, {way, kCopySend, reply, kMakeSendOnce}, sizeof message);
    ipc::GivenHeader given{message.header, 0, MACH64_SEND_MQ_CALL, reinterpret_cast<uint64_t>(&aux),
                           sizeof aux};
    answer(ipc::msg_send(a.thread(), a.handle(), a.space(), a.memory(),
                         {reinterpret_cast<uint64_t>(&message), MACH_SEND_MSG | MACH_SEND_TIMEOUT,
                          sizeof message, 0, &given}));
    settle(a.thread());
  }
  unsigned outcome(Judge& judge) override {
    const unsigned queued = w.queued(target(), 100);
    judge_rights(judge, queued == 1, told() == 1);
    if (queued == 1) judge.equal(16, w.first_queued(target())->aux.get(), "auxiliary data");
    return queued == 1 ? 2 : told();
  }
};

// A message that is too large for its receiver, who gets its header alone; there is no memory to destroy the
// rest of it with, so that has to wait.
class TooLargeWithoutMemory : public Receiving {
 public:
  using Receiving::Receiving;
  std::vector<std::string> outcomes() const override { return {"queued", "destroyed"}; }
  bool staged_without_messages() const override { return true; }
  void stage() override {
    stage_ports();
    PlainMessage message({way, kCopySend, reply, kMakeSendOnce});
    World::require(send(b, message) == MACH_MSG_SUCCESS, "a message");
    store_freed(a.thread(), a.thread().slot());
    empty_magazines(a.thread(), a.thread().slot());
    w.use_up_messages(c);
  }
  void trap() override { a.receive(from, MACH_RCV_TIMEOUT, 0, sizeof(mach_msg_header_t)); }
  void afterwards() override {
    w.allow_messages();
    recover_dead_threads(w.reaper());
  }
  unsigned outcome(Judge& judge) override {
    judge_reply(judge);
    return w.queued(source(), 100) == 0;
  }
};

constexpr Listed kRoom[] = {
    {"send-back-no-room", "a message comes back to a table that is full", make_scenario<BackWithoutRoom>,
     "mach_msg"},
    {"send-notify-room", "with MACH_SEND_NOTIFY, and room", make_scenario<NotifyWithRoom>, "mach_msg"},
    {"send-promised-dead", "with a slot of a port that has died", make_scenario<PromisedAndDead>, "mach_msg"},
    {"send-promised-wait", "with a slot, to a receiver that waits", make_scenario<PromisedAndAwaited>,
     "mach_msg"},
    {"receive-large-memory", "a message that is too large, without memory",
     make_scenario<TooLargeWithoutMemory>, "mach_msg"},
    {"send-aux", "with auxiliary data", make_scenario<SendAux>, "mach_msg2"},
};

}  // namespace

std::span<const Listed> room_scenarios() { return kRoom; }

}  // namespace portolan::proof
