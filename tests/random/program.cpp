// SPDX-License-Identifier: Apache-2.0
#include "random/program.hpp"

#include <cstdio>

namespace portolan::random {

const char* verb_name(Verb verb) {
  static constexpr const char* kNames[] = {"allocate",       "allocate_name",    "construct",
                                           "destruct",       "deallocate",       "destroy",
                                           "mod_refs",       "insert_right",     "extract_right",
                                           "type",           "get_refs",         "get_srights",
                                           "dnrequest_info", "kobject",          "get_attributes",
                                           "set_attributes", "set_mscount",      "set_seqno",
                                           "get_context",    "set_context",      "guard",
                                           "unguard",        "swap_guard",       "peek",
                                           "insert_member",  "extract_member",   "move_member",
                                           "get_set_status", "space_basic_info", "request_notification",
                                           "send",           "receive",          "end_task"};
  return kNames[static_cast<unsigned>(verb)];
}

static std::string text(const Operand& operand) {
  char line[40];
  if (operand.call == Operand::kLiteral) {
    snprintf(line, sizeof line, "%#x", operand.which);
  } else {
    snprintf(line, sizeof line, "n%u_%u", operand.call, operand.which);
  }
  return line;
}

static std::string describe_message(const MessagePlan& m) {
  char line[200];
  snprintf(line, sizeof line, " bits %#x, to %s, reply %s, id %d, data %u%+d, voucher %#x%s", m.bits,
           text(m.remote).c_str(), text(m.local).c_str(), m.id, m.data, m.size_off, m.voucher,
           m.unreadable ? ", unreadable" : "");
  std::string all = line;
  if (!m.complex) return all;
  snprintf(line, sizeof line, ", complex, count %u", m.claimed_count);
  all += line;
  for (const DescriptorPlan& d : m.descriptors) {
    snprintf(line, sizeof line,
             "; type %u, disposition %u, copy %u, size %u+%u%s%s, context %llu, flags %u, name %s", d.type,
             d.disposition, d.copy, d.offset, d.size, d.deallocate ? ", deallocate" : "",
             d.unreadable ? ", unreadable" : "", static_cast<unsigned long long>(d.context), d.flags,
             text(d.name).c_str());
    all += line;
    for (const Operand& name : d.names) all += " " + text(name);
  }
  return all;
}

std::string describe(const Call& c) {
  char line[300];
  snprintf(line, sizeof line,
           "%u: task %u (%u): %s(%s, %s, right %u, delta %d, value %llu, %llu, option %#x)", c.id, c.task,
           c.other, verb_name(c.verb), text(c.name).c_str(), text(c.name2).c_str(), c.right, c.delta,
           static_cast<unsigned long long>(c.value), static_cast<unsigned long long>(c.value2), c.option);
  return c.verb == Verb::send ? line + describe_message(c.message) : line;
}

}  // namespace portolan::random
