// SPDX-License-Identifier: Apache-2.0
// Messages to ports of the kernel: what they ask for is done or not, and a reply comes or the reply port is
// told. Rights are in the request, where they belong, or in the reply, at every step.
#include <mach/task_special_ports.h>
#include <string.h>

#include "ipc/mach_port.hpp"
#include "proof/messages.hpp"
#include "proof/scenario.hpp"

namespace portolan::proof {

namespace {

// `a` asks for something in the space of `b`, with a right in its request.
class Asking : public Scenario {
 public:
  using Scenario::Scenario;
  std::vector<std::string> outcomes() const override {
    return {"not asked",           "lost without its right",
            "lost with its right", "lost after it was counted",
            "done, not answered",  "answered"};
  }

 protected:
  struct Request {
    mach_msg_header_t header{};
    mach_msg_body_t body{1};
    mach_msg_port_descriptor_t right{};
    uint32_t ndr[2] = {};
    uint32_t words[3] = {};
  };

  void stage_ports() {
    World::require(
        task_get_special_port(a.thread(), b.handle(), TASK_KERNEL_PORT, a.space(), way) == KERN_SUCCESS,
        "a task port");
    reply = a.allocate();
    gift = a.allocate();
  }
  void ask(mach_msg_id_t id, std::initializer_list<uint32_t> words) {
    Request m;
    const size_t size = sizeof m - sizeof m.words + 4 * words.size();
    address(m.header, {way, kCopySend, reply, kMakeSendOnce, id}, size);
    m.header.msgh_bits |= MACH_MSGH_BITS_COMPLEX;
    m.right.name = gift;
    m.right.disposition = static_cast<uint8_t>(kMakeSendOnce);
    m.right.type = MACH_MSG_PORT_DESCRIPTOR;
    uint32_t* to = m.words;
    for (const uint32_t word : words) *to++ = word;
    send(a, m, MACH_SEND_TIMEOUT, 0, size);
  }
  unsigned told(mach_port_name_t port) { return w.queued(w.port(a, port), MACH_NOTIFY_SEND_ONCE); }

  // What reply port and gift say, given whether it was done.
  unsigned judge_rights(Judge& judge, bool done, mach_msg_id_t id) {
    const bool answered = w.queued(w.port(a, reply), id + 100) != 0;
    const bool lost = told(reply) != 0, lost_right = told(gift) != 0;
    judge.expect(!answered || (done && !lost), "an answer to what was not done");
    judge.expect(!done || !lost_right, "the right is lost and in its place");
    judge.expect(!done || answered || lost, "nobody is told");
    judge.equal(lost || answered ? 1 : 0, w.port(a, reply)->sorights.get(),
                "send-once rights to the reply port");
    judge.equal(done || lost_right ? 1 : 0, w.port(a, gift)->sorights.get(),
                "send-once rights that were given");
    const bool counted = w.port(a, way)->seqno != 0;
    judge.expect(!done || counted, "done before it was counted");
    if (done) return answered ? 5 : 4;
    return counted ? 3 : lost_right ? 2 : lost ? 1 : 0;
  }

  mach_port_name_t way = 0, reply = 0, gift = 0;
};

class AskInsert : public Asking {
 public:
  using Asking::Asking;
  void stage() override { stage_ports(); }
  void trap() override { ask(3214, {kName}); }
  unsigned outcome(Judge& judge) override {
    return judge_rights(judge, (w.type(b, kName) & MACH_PORT_TYPE_SEND_ONCE) != 0, 3214);
  }

 private:
  static constexpr mach_port_name_t kName = 0x1103;
};

// The right that was registered before goes back with the reply.
class AskNotification : public Asking {
 public:
  using Asking::Asking;
  void stage() override {
    stage_ports();
    watched = b.allocate();
    old = c.allocate();
    ipc::Name none;
    World::require(
        ipc::port_request_notification(b.thread(), b.space(), ipc::Name{watched}, MACH_NOTIFY_NO_SENDERS, 1,
                                       c.space(), ipc::Name{old}, kMakeSendOnce, none) == KERN_SUCCESS,
        "a request");
  }
  void trap() override { ask(3213, {watched, MACH_NOTIFY_NO_SENDERS, 1}); }
  unsigned outcome(Judge& judge) override {
    const uint32_t kept = w.port(b, watched)->no_senders;
    const auto& request = w.segment().at(Handle<ipc::Kmsg>{kept});
    const bool done = request.local == w.segment().ref_of(*w.port(a, gift)).index;
    const unsigned found = judge_rights(judge, done, 3213);
    const unsigned old_told = w.queued(w.port(c, old), MACH_NOTIFY_SEND_ONCE);
    judge.equal(found == 4 ? 1 : 0, old_told, "notices of the former right's end");
    return found;
  }

 private:
  mach_port_name_t watched = 0, old = 0;
};

// `a` asks for something with up to three rights in the request; the answer brings rights or memory.
class Swapping : public Asking {
 public:
  using Asking::Asking;

 protected:
  struct Swap {
    mach_msg_header_t header{};
    mach_msg_body_t body{};
    mach_msg_port_descriptor_t rights[3] = {};
    uint32_t room[3] = {};
  };
  // The request has as many copied send rights to `gift` as asked, then the words.
  void ask_swap(mach_msg_id_t id, unsigned rights, std::initializer_list<uint32_t> words) {
    Swap m;
    auto* at = reinterpret_cast<std::byte*>(&m.body);
    if (rights != 0) {
      m.body.msgh_descriptor_count = rights;
      for (unsigned i = 0; i < rights; i++) {
        m.rights[i].name = gift;
        m.rights[i].disposition = static_cast<uint8_t>(kCopySend);
        m.rights[i].type = MACH_MSG_PORT_DESCRIPTOR;
      }
      at = reinterpret_cast<std::byte*>(&m.rights[rights]);
    }
    if (words.size() != 0) at += 8;  // the NDR record
    for (const uint32_t word : words) {
      memcpy(at, &word, sizeof word);
      at += sizeof word;
    }
    const auto size = static_cast<size_t>(at - reinterpret_cast<std::byte*>(&m));
    address(m.header, {way, kCopySend, reply, kMakeSendOnce, id}, size);
    if (rights != 0) m.header.msgh_bits |= MACH_MSGH_BITS_COMPLEX;
    send(a, m, MACH_SEND_TIMEOUT, 0, size);
  }
  void stage_swap() {
    stage_ports();
    World::require(a.insert_right(gift, gift, kMakeSend) == KERN_SUCCESS, "a send right");
  }
  // What the reply port says.
  bool answered(mach_msg_id_t id) { return w.queued(w.port(a, reply), id + 100) != 0; }
};

// The answer brings a right of the other task's.
class AskExtract : public Swapping {
 public:
  using Swapping::Swapping;
  std::vector<std::string> outcomes() const override {
    return {"not asked", "lost", "lost, and counted", "a right was made, and lost", "answered"};
  }
  void stage() override {
    stage_ports();
    theirs = b.allocate();
  }
  void trap() override { ask_swap(3215, 0, {theirs, kMakeSend}); }
  unsigned outcome(Judge& judge) override {
    const bool made = w.port(b, theirs)->mscount != 0;
    judge.equal(answered(3215), w.port(b, theirs)->srights.get(), "send rights");
    if (answered(3215)) return judge.expect(made, "an answer without the right"), 4;
    if (made) return 3;
    return w.port(a, way)->seqno != 0 ? 2 : told(reply);
  }

 private:
  mach_port_name_t theirs = 0;
};

// The answer brings memory.
class AskNames : public Swapping {
 public:
  using Swapping::Swapping;
  std::vector<std::string> outcomes() const override {
    return {"not asked", "lost", "lost, and counted", "answered"};
  }
  void stage() override { stage_ports(); }
  void trap() override { ask_swap(3200, 0, {}); }
  unsigned outcome(Judge& judge) override {
    judge.equal(answered(3200) || told(reply) != 0 ? 1 : 0, w.port(a, reply)->sorights.get(),
                "send-once rights to the reply port");
    if (answered(3200)) return 3;
    return w.port(a, way)->seqno != 0 ? 2 : told(reply);
  }
};

// The task's registered ports are replaced: the old ones go with the request.
class AskRegister : public Swapping {
 public:
  using Swapping::Swapping;
  std::vector<std::string> outcomes() const override {
    return {"not asked", "lost", "lost, and counted", "registered, not answered", "answered"};
  }
  void stage() override { stage_swap(); }
  void trap() override { ask_swap(3403, 3, {}); }
  unsigned outcome(Judge& judge) override {
    const auto& task = w.segment().at(b.handle());
    const uint32_t it = w.entry(a, gift)->object;
    unsigned registered = 0;
    for (const auto& port : task.registered) registered += port == it;
    judge.expect(registered == 0 || registered == 3, "some of the ports");
    judge.equal(1 + registered, w.port(a, gift)->srights.get(), "send rights");
    if (answered(3403)) return 4;
    if (registered != 0) return 3;
    return w.port(a, way)->seqno != 0 ? 2 : told(reply);
  }
};

// The same with a special port.
class AskSetSpecial : public Swapping {
 public:
  using Swapping::Swapping;
  std::vector<std::string> outcomes() const override {
    return {"not asked", "lost", "lost, and counted", "set, not answered", "answered"};
  }
  void stage() override { stage_swap(); }
  void trap() override { ask_swap(3410, 1, {TASK_ACCESS_PORT}); }
  unsigned outcome(Judge& judge) override {
    const bool set = w.segment().at(b.handle()).special[TASK_ACCESS_PORT] == w.entry(a, gift)->object;
    judge.equal(1 + set, w.port(a, gift)->srights.get(), "send rights");
    if (answered(3410)) return 4;
    if (set) return 3;
    return w.port(a, way)->seqno != 0 ? 2 : told(reply);
  }
};

constexpr Listed kScenarios[] = {
    {"kernel-insert", "a right is put into another task's space by message", make_scenario<AskInsert>,
     "mach_msg to the kernel"},
    {"kernel-notify", "a notification is asked for by message, in place of another",
     make_scenario<AskNotification>, "mach_msg to the kernel"},
    {"kernel-extract", "a right of another task's by message", make_scenario<AskExtract>,
     "mach_msg to the kernel"},
    {"kernel-names", "the names of another task, which come as memory", make_scenario<AskNames>,
     "mach_msg to the kernel"},
    {"kernel-register", "another task's registered ports are set by message", make_scenario<AskRegister>,
     "mach_msg to the kernel"},
    {"kernel-set-special", "another task's special port", make_scenario<AskSetSpecial>,
     "mach_msg to the kernel"},
};

}  // namespace

std::span<const Listed> kernel_scenarios() { return kScenarios; }

}  // namespace portolan::proof
