// SPDX-License-Identifier: Apache-2.0
#include "model/wire.hpp"

#include <cstring>

namespace portolan::model {

uint32_t descriptor_size(uint8_t type) { return type == MACH_MSG_PORT_DESCRIPTOR ? 12 : 16; }

uint32_t word_at(const Bytes& bytes, uint32_t at) {
  uint32_t word;
  memcpy(&word, bytes.data() + at, sizeof word);
  return word;
}

void put(Bytes& bytes, uint32_t at, const void* data, size_t size) {
  if (size != 0) memcpy(bytes.data() + at, data, size);
}

template <class T>
static T load(const Bytes& bytes, uint32_t at) {
  T value;
  memcpy(&value, bytes.data() + at, sizeof value);
  return value;
}

Descriptor Descriptor::read(const Bytes& bytes, uint32_t at) {
  Descriptor d;
  d.type = bytes[at + 11];
  switch (d.type) {
    case MACH_MSG_PORT_DESCRIPTOR:
      d.name = load<uint32_t>(bytes, at);
      d.disposition = bytes[at + 10];
      break;
    case MACH_MSG_GUARDED_PORT_DESCRIPTOR:
      d.context = load<uint64_t>(bytes, at);
      d.flags = load<uint16_t>(bytes, at + 8);
      d.disposition = bytes[at + 10];
      d.name = load<uint32_t>(bytes, at + 12);
      break;
    default:
      d.address = load<uint64_t>(bytes, at);
      d.deallocate = bytes[at + 8] != 0;
      d.copy = bytes[at + 9];
      if (d.type == MACH_MSG_OOL_PORTS_DESCRIPTOR) d.disposition = bytes[at + 10];
      d.size = load<uint32_t>(bytes, at + 12);
      break;
  }
  return d;
}

void Descriptor::write(Bytes& bytes, uint32_t at) const {
  memset(bytes.data() + at, 0, descriptor_size(type));
  bytes[at + 11] = type;
  if (type == MACH_MSG_PORT_DESCRIPTOR) {
    put(bytes, at, &name, 4);
    bytes[at + 10] = static_cast<uint8_t>(disposition);
  } else if (type == MACH_MSG_GUARDED_PORT_DESCRIPTOR) {
    put(bytes, at, &context, 8);
    put(bytes, at + 8, &flags, 2);
    bytes[at + 10] = static_cast<uint8_t>(disposition);
    put(bytes, at + 12, &name, 4);
  } else {
    put(bytes, at, &address, 8);
    bytes[at + 8] = deallocate;
    bytes[at + 9] = copy;
    if (type == MACH_MSG_OOL_PORTS_DESCRIPTOR) bytes[at + 10] = static_cast<uint8_t>(disposition);
    put(bytes, at + 12, &size, 4);
  }
}

bool say_guard(Item& item, uint64_t address) {
  const bool immovable = (item.flags & MACH_MSG_GUARD_FLAGS_IMMOVABLE_RECEIVE) != 0;
  item.context = immovable ? address : 0;
  if (immovable) {
    item.flags &= static_cast<uint16_t>(~MACH_MSG_GUARD_FLAGS_UNGUARDED_ON_SEND);
  } else {
    item.flags |= MACH_MSG_GUARD_FLAGS_UNGUARDED_ON_SEND;
  }
  return immovable;
}

void write_message(Bytes& buffer, const mach_msg_header_t& header, Message& message, Memory& memory,
                   const std::function<Name(const Right&)>& copyout,
                   const std::function<void(Item&, Name&)>& guarded) {
  put(buffer, 0, &header, sizeof header);
  uint32_t at = sizeof header;
  if (message.complex) {
    const auto count = static_cast<uint32_t>(message.items.size());
    put(buffer, at, &count, 4);
    at += 4;
  }
  for (Item& item : message.items) {
    Descriptor d;
    d.type = item.type;
    switch (item.type) {
      case MACH_MSG_PORT_DESCRIPTOR:
        d.disposition = item.right.disposition;
        d.name = copyout(item.right);
        break;
      case MACH_MSG_GUARDED_PORT_DESCRIPTOR:
        d.disposition = item.right.disposition;
        guarded(item, d.name);
        d.context = item.context;
        d.flags = item.flags;
        break;
      case MACH_MSG_OOL_PORTS_DESCRIPTOR: {
        Bytes names(item.rights.size() * 4);
        for (uint32_t i = 0; i < item.rights.size(); i++) {
          const Name name = copyout(item.rights[i]);
          put(names, i * 4, &name, 4);
        }
        d.copy = MACH_MSG_VIRTUAL_COPY;
        d.deallocate = true;
        d.disposition = item.disposition;
        d.size = static_cast<uint32_t>(item.rights.size());
        d.address = names.empty() ? 0 : memory.give(names, 0);
        break;
      }
      default:
        d.copy = item.copy;
        d.deallocate = item.copy == MACH_MSG_VIRTUAL_COPY;
        d.size = static_cast<uint32_t>(item.memory.size());
        d.address = item.memory.empty() ? 0 : memory.give(item.memory, item.offset);
        break;
    }
    d.write(buffer, at);
    at += descriptor_size(item.type);
  }
  put(buffer, at, message.data.data(), message.data.size());
}

}  // namespace portolan::model
