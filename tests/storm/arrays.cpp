// SPDX-License-Identifier: Apache-2.0
// Arrays of rights out of line: send rights to one port, which end in one no-senders notification;
// send-once rights, each of which ends in a notification of its own, exactly one; and receive rights.
#include "storm/client.hpp"
#include "storm/server.hpp"

namespace portolan::storm {

namespace {

constexpr unsigned kMost = 24;

WithArray packet_with_array(mach_port_t* names, unsigned n, mach_msg_type_name_t disposition) {
  auto message = packet<WithArray>(kArray, MACH_MSGH_BITS_COMPLEX);
  message.body.msgh_descriptor_count = 1;
  message.array.address = names;
  message.array.count = n;
  message.array.copy = MACH_MSG_VIRTUAL_COPY;
  message.array.disposition = static_cast<uint8_t>(disposition);
  message.array.type = MACH_MSG_OOL_PORTS_DESCRIPTOR;
  return message;
}

}  // namespace

void Client::array() {
  if (tokens_ == kTokens) end_tokens();
  mach_port_t names[kMost];
  const unsigned n = pick(kMost) + 1, kind = pick(3);
  count(Traffic::arrays);
  if (kind == 2) {
    for (unsigned i = 0; i < n; i++) names[i] = allocate();
    auto message = packet_with_array(names, n, MACH_MSG_TYPE_MOVE_RECEIVE);
    if (send_next(message.header, message.note, sizeof message, 20) != Sending::dead) return;
    for (unsigned i = 0; i < n; i++) destroy(names[i]);
    return drop_link();
  }
  const mach_port_t port = allocate();
  for (unsigned i = 0; i < n; i++) names[i] = port;
  if (kind == 1) {
    ask(port, MACH_NOTIFY_NO_SENDERS, 1, no_senders_);
    auto message = packet_with_array(names, n, MACH_MSG_TYPE_MAKE_SEND);
    return hand_out(port, send_next(message.header, message.note, sizeof message, 20));
  }
  auto message = packet_with_array(names, n, MACH_MSG_TYPE_MAKE_SEND_ONCE);
  if (send_next(message.header, message.note, sizeof message, 20) == Sending::dead) {
    destroy(port);
    return drop_link();
  }
  Buffer buffer;
  for (unsigned i = 0; i < n; i++)
    if (!await(buffer, port, MACH_NOTIFY_SEND_ONCE, "mach_msg, awaiting the end of a send-once right")) break;
  count(Traffic::send_once, n);
  if (receive(buffer, port, MACH_RCV_TIMEOUT, 0, "mach_msg, awaiting nothing") != MACH_RCV_TIMED_OUT)
    note_odd(self_.ledger, "a send-once right ended twice", buffer.header.msgh_id);
  destroy(port);
}

void Server::take_array(const WithArray& message) {
  const auto* names = static_cast<const mach_port_t*>(message.array.address);
  for (mach_msg_size_t i = 0; i < message.array.count; i++) {
    if (!MACH_PORT_VALID(names[i])) continue;  // its maker has died meanwhile
    if (message.array.disposition == MACH_MSG_TYPE_MOVE_RECEIVE)
      destroy(names[i]);
    else
      deallocate(names[i]);
  }
  free_memory(names, message.array.count * sizeof *names);
}

}  // namespace portolan::storm
