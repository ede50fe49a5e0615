// SPDX-License-Identifier: Apache-2.0
// Scenarios in which a message goes from one task to another, with a reply right by which its fate is known.
#pragma once

#include "proof/messages.hpp"
#include "proof/scenario.hpp"

namespace portolan::proof {

// `a` sends to a port of `b`; the reply right is made from a port of its own.
class Sending : public Scenario {
 public:
  using Scenario::Scenario;

 protected:
  void stage_ports() {
    to = b.allocate();
    way = b.give_send(to, a);
    reply = a.allocate();
  }
  const Port* target() { return w.port(b, to); }
  const Port* reply_port() { return w.port(a, reply); }
  unsigned told() { return w.queued(reply_port(), MACH_NOTIFY_SEND_ONCE); }

  // What is common: the sender's right is copied, so that it is there in any case; the reply right is
  // nowhere, in the message, or its end was told.
  unsigned judge_rights(Judge& judge, bool sent, bool destroyed) {
    judge.equal(1, w.urefs(a, way), "the sender's references");
    judge.expect(reply_port() != nullptr, "the reply port is gone");
    if (reply_port() == nullptr) return 0;
    judge.equal(sent || destroyed ? 1 : 0, reply_port()->sorights.get(),
                "send-once rights to the reply port");
    judge.equal(destroyed ? 1 : 0, told(), "SEND_ONCE notifications");
    judge.equal(sent ? 2 : 1, target()->srights.get(), "send rights to the target");
    return 0;
  }

  mach_port_name_t to = 0, way = 0, reply = 0;
};

// `a` receives what `b` sent; the reply right is to a port of `b`'s.
class Receiving : public Scenario {
 public:
  using Scenario::Scenario;

 protected:
  void stage_ports() {
    from = a.allocate();
    way = a.give_send(from, b);
    reply = b.allocate();
  }
  const Port* source() { return w.port(a, from); }
  const Port* reply_port() { return w.port(b, reply); }
  unsigned told() { return w.queued(reply_port(), MACH_NOTIFY_SEND_ONCE); }
  // The reply right is in the message, in the receiver's space, or its end was told.
  void judge_reply(Judge& judge) {
    const unsigned ends = w.queued(source(), 100) + w.names(a, ipc::kTypeSendOnce) + told();
    judge.equal(1u, ends, "places where the reply right is");
    judge.equal(1, reply_port()->sorights.get(), "send-once rights to the reply port");
  }

  mach_port_name_t from = 0, way = 0, reply = 0;
};

}  // namespace portolan::proof
