// SPDX-License-Identifier: Apache-2.0
// What things are called: kernel objects, rights, numbers. For text and JSON alike.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "segment/guard_kind.hpp"

namespace portolan::inspect {

// lsmp's words (tasks 7.6), and BOOTSTRAP for the ports of our namespaces.
const char* kobject_word(uint32_t type);
bool is_task_kind(uint32_t type);    // control, read, inspect, name, resume
bool is_thread_kind(uint32_t type);  // control, read, inspect

// One right of a type mask: "send", "recv", "send-once", "port-set", "dead-name".
std::vector<const char*> right_words(uint32_t type);
std::string rights_text(uint32_t type);  // joined with ","
// JSON's keys: send, recv, once, set, dead; the most telling one for entries with two.
const char* right_key(uint32_t right);
// A set of rights as users write them: "send,recv" or "dead"; 0: not understood.
uint32_t parse_rights(const std::string& text);

const char* guard_word(Guard guard);       // keys, mprotect, off
std::string hex(uint64_t value);           // 0x103
std::string port_word(uint64_t identity);  // p71, "-" for none
std::string grouped(uint64_t value);       // 41,904
std::string decimal(double value);         // one digit behind the point
std::string plural(uint64_t count, const char* one, const char* many = nullptr);  // "1 name", "2 names"

// At most `width` characters, the middle replaced by "...".
std::string cut_middle(const std::string& text, size_t width);

}  // namespace portolan::inspect
