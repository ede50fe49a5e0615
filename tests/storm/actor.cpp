// SPDX-License-Identifier: Apache-2.0
#include "storm/actor.hpp"

#include <unistd.h>

#include <algorithm>

namespace portolan::storm {

Actor::Actor(Self& self, unsigned thread)
    : self_(self),
      calls_(self.calls),
      thread_(thread),
      random_(self.ledger.seed * 0x9e3779b97f4a7c15ull + self.life * kThreads + thread) {}

bool Actor::expect(kern_return_t code, const char* call, std::initializer_list<kern_return_t> allowed) {
  if (code == KERN_SUCCESS) return true;
  if (std::find(allowed.begin(), allowed.end(), code) == allowed.end()) note_odd(self_.ledger, call, code);
  return false;
}

unsigned Actor::hops() { return pick(std::min(4u, self_.ledger.places - 1)); }

// A number whose line is free: where the master lags behind with adding up, its turn is waited for.
void Actor::number(Note& note) {
  note.sequence = self_.ledger.next_message.fetch_add(1) + 1;
  while (note.sequence >= self_.ledger.folded + kLines) usleep(1000);
}

void Actor::announce(Note& note, uint32_t to) {
  if (note.sequence == 0) number(note);
  note.from = self_.life * kThreads + thread_;
  self_.ledger.line_of(note.sequence).announce(note.sequence, to);
}

void Actor::settle(const Note& note, bool sent) {
  if (!self_.ledger.line_of(note.sequence).mark(note.sequence, sent ? Line::kSent : Line::kRefused))
    note_odd(self_.ledger, "a line of the ledger was used again too early", 0);
}

// Counted before anything is done with it.
void Actor::received(const Note& note) {
  if (note.sequence == 0 || note.sequence > self_.ledger.next_message)
    return strange(self_.ledger.spoiled, "a number that nobody took", note);
  if (!self_.ledger.line_of(note.sequence).mark(note.sequence, Line::kReceivedOnce))
    note_odd(self_.ledger, "a message came after millions of others", 0);
}

void Actor::strange(std::atomic<uint64_t>& kind, const char* what, const Note& note, uint64_t n) {
  kind += n;
  const uint32_t at = self_.ledger.stranges++;
  if (at >= std::size(self_.ledger.strange)) return;
  Strange& kept = self_.ledger.strange[at];
  kept.sequence = note.sequence;
  kept.from = note.from;
  kept.counter = note.counter;
  kept.what = text_number(what);
}

// With the link's next counter.
Actor::Sending Actor::send_next(mach_msg_header_t& header, Note& note, size_t size,
                                mach_msg_timeout_t patience) {
  note.counter = link_.counter + 1;
  announce(note, link_.life);
  header.msgh_remote_port = link_.right;
  header.msgh_size = static_cast<mach_msg_size_t>(size);
  mach_msg_return_t code;
  {
    Doing doing(self_, thread_, "mach_msg, sending");
    const mach_msg_option_t limit = patience == kForGood ? 0 : MACH_SEND_TIMEOUT;
    code = calls_.mach_msg(&header, MACH_SEND_MSG | limit, header.msgh_size, 0, MACH_PORT_NULL, patience,
                           MACH_PORT_NULL);
  }
  settle(note, code == MACH_MSG_SUCCESS);
  if (code == MACH_MSG_SUCCESS) {
    link_.counter++;
    return Sending::sent;
  }
  expect(code, "mach_msg, sending", {MACH_SEND_TIMED_OUT, MACH_SEND_INVALID_DEST});
  if (code != MACH_SEND_TIMED_OUT) return Sending::dead;
  // Everything came back; the call destroys all but the reply right.
  const mach_port_t reply = header.msgh_local_port;
  {
    Doing doing(self_, thread_, "mach_msg_destroy");
    calls_.mach_msg_destroy(&header);
  }
  deallocate(reply);
  return Sending::no_room;
}

mach_msg_return_t Actor::receive(Buffer& buffer, mach_port_t from, mach_msg_option_t option,
                                 mach_msg_timeout_t patience, const char* what) {
  Doing doing(self_, thread_, what);
  return calls_.mach_msg(&buffer.header, MACH_RCV_MSG | option, 0, sizeof buffer, from, patience,
                         MACH_PORT_NULL);
}

bool Actor::await(Buffer& buffer, mach_port_t port, mach_msg_id_t id, const char* what) {
  if (!expect(receive(buffer, port, 0, 0, what), what)) return false;
  if (buffer.header.msgh_id != id) note_odd(self_.ledger, what, buffer.header.msgh_id);
  return buffer.header.msgh_id == id;
}

mach_port_t Actor::allocate(mach_port_right_t right) {
  Doing doing(self_, thread_, "mach_port_allocate");
  mach_port_t name = MACH_PORT_NULL;
  expect(calls_.mach_port_allocate(calls_.task, right, &name), "mach_port_allocate");
  return name;
}

void Actor::destroy(mach_port_t name) {
  Doing doing(self_, thread_, "mach_port_destroy");
  expect(calls_.mach_port_destroy(calls_.task, name), "mach_port_destroy");
}

void Actor::deallocate(mach_port_t name) {
  if (!MACH_PORT_VALID(name)) return;
  Doing doing(self_, thread_, "mach_port_deallocate");
  expect(calls_.mach_port_deallocate(calls_.task, name), "mach_port_deallocate");
}

void Actor::make_send(mach_port_t name) {
  Doing doing(self_, thread_, "mach_port_insert_right");
  expect(calls_.mach_port_insert_right(calls_.task, name, name, MACH_MSG_TYPE_MAKE_SEND),
         "mach_port_insert_right");
}

void Actor::ask(mach_port_t name, mach_msg_id_t id, mach_port_mscount_t sync, mach_port_t notify) {
  mach_port_t previous = MACH_PORT_NULL;
  {
    Doing doing(self_, thread_, "mach_port_request_notification");
    expect(calls_.mach_port_request_notification(calls_.task, name, id, sync, notify,
                                                 MACH_MSG_TYPE_MAKE_SEND_ONCE, &previous),
           "mach_port_request_notification");
  }
  deallocate(previous);
}

}  // namespace portolan::storm
