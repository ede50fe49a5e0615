// SPDX-License-Identifier: Apache-2.0
// Messages as bytes: descriptors and what is laid out behind a header (messages 1).
#pragma once

#include <functional>

#include "model/model.hpp"

namespace portolan::model {

// Any descriptor; fields that its type lacks are 0.
struct Descriptor {
  uint8_t type = 0;
  Name name = 0;
  uint32_t disposition = 0;
  uint64_t address = 0;
  uint32_t size = 0;  // bytes, or names
  uint8_t copy = 0;
  bool deallocate = false;
  uint64_t context = 0;
  uint16_t flags = 0;

  static Descriptor read(const Bytes& bytes, uint32_t at);
  void write(Bytes& bytes, uint32_t at) const;
};

uint32_t descriptor_size(uint8_t type);
uint32_t word_at(const Bytes& bytes, uint32_t at);
void put(Bytes& bytes, uint32_t at, const void* data, size_t size);

// How a right of this disposition travels (messages 1.3).
uint32_t travels_as(uint32_t disposition);

// Writes into a guarded item what is told of the guard (messages 6.6), whether or not a right comes with it.
// True: the port is to be guarded by `address`.
bool say_guard(Item& item, uint64_t address);

// Lays a message out in a buffer that has room for it: the header as given, each item as it is handed over,
// the data. `copyout` gives a right a name, front to back; `guarded` does that for a guarded descriptor, and
// sets its context and flags.
void write_message(Bytes& buffer, const mach_msg_header_t& header, Message& message, Memory& memory,
                   const std::function<Name(const Right&)>& copyout,
                   const std::function<void(Item&, Name&)>& guarded);

}  // namespace portolan::model
