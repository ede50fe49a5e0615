// SPDX-License-Identifier: Apache-2.0
// Send rights that wander round and are lost somewhere: whoever made one hears of it by a no-senders
// notification, and waits for that however long.
#include "storm/client.hpp"
#include "storm/server.hpp"

namespace portolan::storm {

void Client::token() {
  if (tokens_ == kTokens) end_tokens();
  const mach_port_t port = allocate();
  ask(port, MACH_NOTIFY_NO_SENDERS, 1, no_senders_);
  auto message = packet_with_port(kToken, port, MACH_MSG_TYPE_MAKE_SEND);
  message.note.hops = hops();
  count(Traffic::tokens);
  hand_out(port, send_next(message.header, message.note, sizeof message, 20));
}

// What becomes of a port that no-senders was asked for, and whose send rights were in a message.
void Client::hand_out(mach_port_t port, Sending sending) {
  if (sending != Sending::dead) {
    token_[tokens_++] = port;
    return;
  }
  destroy(port);  // no right was made; the request ends with the port, which is told too
  withdrawn_++;
  drop_link();
}

// One message for each port, whichever comes first, and one for each request that ended with its port.
void Client::end_tokens() {
  while (told_ < tokens_ || withdrawn_ != 0) {
    const char* what = "mach_msg, awaiting no senders";
    Buffer buffer;
    if (!expect(receive(buffer, no_senders_, 0, 0, what), what)) return;
    if (buffer.header.msgh_id == MACH_NOTIFY_NO_SENDERS && told_ < tokens_)
      told_++;
    else if (buffer.header.msgh_id == MACH_NOTIFY_SEND_ONCE && withdrawn_ != 0)
      withdrawn_--;
    else
      note_odd(self_.ledger, "a notification without a reason", buffer.header.msgh_id);
  }
  count(Traffic::no_senders, tokens_);
  while (tokens_ != 0) destroy(token_[--tokens_]);
  told_ = 0;
}

void Server::take_token(const WithPort& message) {
  const mach_port_t name = message.port.name;
  if (!MACH_PORT_VALID(name)) return;
  if (message.note.hops == 0 || ending() || !find_next()) return deallocate(name);
  auto onward = packet_with_port(kToken, name, MACH_MSG_TYPE_MOVE_SEND);
  onward.note.hops = message.note.hops - 1;
  if (send_next(onward.header, onward.note, sizeof onward, 20) != Sending::dead) return;
  deallocate(name);
  drop_link();
}

}  // namespace portolan::storm
