// SPDX-License-Identifier: Apache-2.0
// Boxes: receive rights that travel with messages inside. Each process that a box comes by takes out what is
// in it, compares, and puts something in. Some are watched by a port-destroyed request: these come back to
// their maker, wherever they end.
#include "storm/client.hpp"
#include "storm/server.hpp"

namespace portolan::storm {

namespace {
constexpr unsigned kFilling = 5;
}

// Puts messages in; returns the new counter.
uint32_t Actor::fill_box(mach_port_t box, uint32_t in, unsigned messages) {
  for (; messages != 0; messages--) {
    Plain message{};
    message.header.msgh_bits = MACH_MSGH_BITS(MACH_MSG_TYPE_MAKE_SEND, 0);
    message.header.msgh_remote_port = box;
    message.header.msgh_id = kBoxed;
    message.note.counter = in + 1;
    announce(message.note, 0);
    Doing doing(self_, thread_, "mach_msg, into a box");
    const mach_msg_return_t code = calls_.mach_msg(&message.header, MACH_SEND_MSG | MACH_SEND_TIMEOUT,
                                                   sizeof message, 0, MACH_PORT_NULL, 0, MACH_PORT_NULL);
    settle(message.note, code == MACH_MSG_SUCCESS);
    if (!expect(code, "mach_msg, into a box", {MACH_SEND_TIMED_OUT})) {
      if (code == MACH_SEND_TIMED_OUT) calls_.mach_msg_destroy(&message.header);
      return in;
    }
    in++;
  }
  return in;
}

// Takes everything out, and compares; returns the new counter.
uint32_t Actor::empty_box(mach_port_t box, uint32_t in, uint32_t out) {
  for (;;) {
    Buffer buffer;
    const mach_msg_return_t code = receive(buffer, box, MACH_RCV_TIMEOUT, 0, "mach_msg, out of a box");
    if (!expect(code, "mach_msg, out of a box", {MACH_RCV_TIMED_OUT})) break;
    received(buffer.plain.note);
    if (buffer.header.msgh_id != kBoxed || buffer.plain.note.counter != out + 1)
      strange(self_.ledger.gaps, "out of a box, not the next one", buffer.plain.note);
    out = buffer.plain.note.counter;
  }
  if (in != out) {
    self_.ledger.gaps++;
    note_odd(self_.ledger, "messages are missing in a box", static_cast<int32_t>(in - out));
  }
  return out;
}

void Actor::send_box(mach_port_t box, uint32_t in, uint32_t out, uint32_t hops) {
  auto message = packet_with_port(kBox, box, MACH_MSG_TYPE_MOVE_RECEIVE);
  message.note.hops = hops;
  message.note.in = in;
  message.note.out = out;
  if (find_next() && send_next(message.header, message.note, sizeof message, 20) != Sending::dead) return;
  destroy(box);
  drop_link();
}

void Client::box() {
  if (boxes_ == kBoxes) end_boxes();
  const mach_port_t port = allocate();
  if (pick(2) == 0) {
    ask(port, MACH_NOTIFY_PORT_DESTROYED, 0, returns_);
    boxes_++;
  }
  send_box(port, fill_box(port, 0, pick(kFilling)), 0, hops());
}

void Client::end_boxes() {
  for (; boxes_ != 0; boxes_--) {
    Buffer buffer;
    if (!await(buffer, returns_, MACH_NOTIFY_PORT_DESTROYED, "mach_msg, awaiting a receive right")) continue;
    count(Traffic::port_destroyed);
    const mach_port_t box = buffer.port.port.name;
    // What was put in last, if nobody has opened it since.
    while (receive(buffer, box, MACH_RCV_TIMEOUT, 0, "mach_msg, out of a box") == MACH_MSG_SUCCESS)
      received(buffer.plain.note);
    destroy(box);
  }
}

void Server::take_box(const WithPort& message) {
  const Note& note = message.note;
  const mach_port_t box = message.port.name;
  // A receive right is alive as long as it is in a message.
  if (!MACH_PORT_VALID(box)) return strange(self_.ledger.spoiled, "without its receive right", note);
  count(Traffic::boxes);
  const uint32_t out = empty_box(box, note.in, note.out);
  if (note.hops == 0 || ending()) return destroy(box);
  send_box(box, fill_box(box, out, pick(kFilling)), out, note.hops - 1);
}

}  // namespace portolan::storm
