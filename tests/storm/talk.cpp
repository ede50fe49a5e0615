// SPDX-License-Identifier: Apache-2.0
// Plain messages, some at a time, and requests that wait for their answer without a time-out: it comes, or
// word that it never will.
#include <algorithm>

#include "storm/client.hpp"
#include "storm/server.hpp"

namespace portolan::storm {

void Client::plain() {
  for (unsigned i = pick(8) + 1; i != 0; i--) {
    auto message = packet<Plain>(kPlain, 0);
    const mach_msg_timeout_t patience[] = {0, 20, kForGood};
    const Sending sending = send_next(message.header, message.note, sizeof message, patience[pick(3)]);
    if (sending == Sending::dead) drop_link();
    if (sending != Sending::sent) return;
  }
}

void Client::call() {
  Buffer buffer{};
  Plain& request = buffer.plain;
  request.header.msgh_bits = MACH_MSGH_BITS(MACH_MSG_TYPE_COPY_SEND, MACH_MSG_TYPE_MAKE_SEND_ONCE);
  request.header.msgh_local_port = reply_;
  request.header.msgh_id = kRequest;
  const Sending sending = send_next(request.header, request.note, sizeof request, 50);
  if (sending == Sending::dead) return drop_link();
  const auto sequence = static_cast<uint32_t>(request.note.sequence);
  const char* what = "mach_msg, awaiting an answer";
  if (!expect(receive(buffer, reply_, 0, 0, what), what)) return;
  if (buffer.header.msgh_id == kAnswer) {
    received(buffer.plain.note);
    if (buffer.plain.note.in != sequence || sending != Sending::sent)
      strange(self_.ledger.spoiled, "an answer to something else", buffer.plain.note);
    count(Traffic::answered);
  } else if (buffer.header.msgh_id == MACH_NOTIFY_SEND_ONCE) {
    count(Traffic::unanswered);
  } else {
    note_odd(self_.ledger, "an answer of a kind that was not asked for", buffer.header.msgh_id);
  }
}

void Server::answer(const Buffer& request) {
  const mach_port_t to = request.header.msgh_remote_port;
  if (!MACH_PORT_VALID(to)) return;  // who asked has died meanwhile
  Plain message{};
  message.header.msgh_bits = MACH_MSGH_BITS(MACH_MSG_TYPE_MOVE_SEND_ONCE, 0);
  message.header.msgh_remote_port = to;
  message.header.msgh_id = kAnswer;
  message.note.in = static_cast<uint32_t>(request.plain.note.sequence);
  announce(message.note, request.plain.note.from / kThreads);
  mach_msg_return_t code;
  {
    Doing doing(self_, thread_, "mach_msg, answering");
    code = calls_.mach_msg(&message.header, MACH_SEND_MSG | MACH_SEND_TIMEOUT, sizeof message, 0,
                           MACH_PORT_NULL, 0, MACH_PORT_NULL);
  }
  settle(message.note, code == MACH_MSG_SUCCESS);
  if (!expect(code, "mach_msg, answering", {MACH_SEND_INVALID_DEST}))
    deallocate(message.header.msgh_remote_port);  // a dead name by now
}

}  // namespace portolan::storm
