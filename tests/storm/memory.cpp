// SPDX-License-Identifier: Apache-2.0
// Memory out of line, whose every byte is known.
#include "storm/client.hpp"
#include "storm/server.hpp"

namespace portolan::storm {

namespace {

constexpr size_t kSizes[] = {1, 100, 4096, 9000, 70000};
constexpr size_t kLargest = 70000;

unsigned char byte_at(uint64_t sequence, size_t at) {
  return static_cast<unsigned char>(sequence * 31 + at * 7 + at / 251);
}

}  // namespace

void Client::memory() {
  static unsigned char bytes[kLargest];
  auto message = packet<WithMemory>(kMemory, MACH_MSGH_BITS_COMPLEX);
  message.body.msgh_descriptor_count = 1;
  message.memory.address = bytes;
  message.memory.size = static_cast<mach_msg_size_t>(kSizes[pick(std::size(kSizes))]);
  message.memory.copy = MACH_MSG_VIRTUAL_COPY;
  message.memory.type = MACH_MSG_OOL_DESCRIPTOR;
  number(message.note);
  message.note.in = message.memory.size;
  for (size_t i = 0; i < message.memory.size; i++) bytes[i] = byte_at(message.note.sequence, i);
  count(Traffic::memories);
  if (send_next(message.header, message.note, sizeof message, 20) == Sending::dead) drop_link();
}

void Server::take_memory(const WithMemory& message) {
  const auto* bytes = static_cast<const unsigned char*>(message.memory.address);
  bool right = message.memory.size == message.note.in;
  for (size_t i = 0; right && i < message.memory.size; i++)
    right = bytes[i] == byte_at(message.note.sequence, i);
  if (!right) strange(self_.ledger.spoiled, "with other memory", message.note);
  free_memory(bytes, message.memory.size);
}

}  // namespace portolan::storm
