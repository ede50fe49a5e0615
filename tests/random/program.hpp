// SPDX-License-Identifier: Apache-2.0
// A program: calls of a few tasks, one after another. Where a call takes a name, the program says where that
// name came from, an earlier call, so that a program with calls left out still means something.
#pragma once

#include <mach/mach_port.h>
#include <mach/message.h>

#include <cstdint>
#include <string>
#include <vector>

namespace portolan::random {

enum class Verb : uint8_t {
  allocate,
  allocate_name,
  construct,
  destruct,
  deallocate,
  destroy,
  mod_refs,
  insert_right,
  extract_right,
  type,
  get_refs,
  get_srights,
  dnrequest_info,
  kobject,
  get_attributes,
  set_attributes,
  set_mscount,
  set_seqno,
  get_context,
  set_context,
  guard,
  unguard,
  swap_guard,
  peek,
  insert_member,
  extract_member,
  move_member,
  get_set_status,
  basic_info,
  request_notification,
  send,
  receive,
  end_task,
  count
};
const char* verb_name(Verb verb);

// A name: a number, or what the n-th name was that a call brought.
struct Operand {
  static constexpr uint32_t kLiteral = ~0u;
  uint32_t call = kLiteral;  // its id
  uint32_t which = 0;        // literal: the number itself

  static Operand literal(mach_port_name_t name) { return {kLiteral, name}; }
};

struct DescriptorPlan {
  uint8_t type = 0;
  Operand name;
  uint8_t disposition = 0;
  uint8_t copy = 0;
  bool deallocate = false;
  bool unreadable = false;  // an address where nothing is
  uint32_t size = 0;        // bytes of memory
  uint32_t offset = 0;      // of the memory within its first page
  uint64_t context = 0;
  uint16_t flags = 0;
  std::vector<Operand> names = {};
};

// A message to send.
struct MessagePlan {
  uint32_t bits = 0;
  Operand remote, local;
  uint32_t voucher = 0;
  int32_t id = 0;
  bool complex = false;
  uint32_t claimed_count = 0;  // of descriptors, as the message says
  std::vector<DescriptorPlan> descriptors = {};
  uint32_t data = 0;     // bytes behind the descriptors
  int32_t size_off = 0;  // how much the size given is off
  bool unreadable = false;
  std::vector<uint8_t> raw = {};  // instead of all this: the bytes; `data` is the size given
};

// What the numbers mean depends on the verb: see kernel.cpp and reference.cpp, which agree on it.
struct Call {
  Verb verb = Verb::allocate;
  uint32_t id = 0;
  unsigned task = 0, other = 0;
  Operand name, name2 = {};
  uint32_t right = 0;  // or disposition, flavor, notification, size
  int32_t delta = 0;   // or count
  uint64_t value = 0, value2 = 0;
  uint32_t option = 0;
  MessagePlan message = {};
};

using Program = std::vector<Call>;

// One line, for people.
std::string describe(const Call& call);

}  // namespace portolan::random
