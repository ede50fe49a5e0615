// SPDX-License-Identifier: Apache-2.0
#include "inspect/words.hpp"

#include <mach/port.h>

#include <cstdio>

#include "inspect/snapshot.hpp"

namespace portolan::inspect {

namespace {

constexpr const char* kKobjects[] = {"message-queue",
                                     "THREAD-CONTROL",
                                     "TASK-CONTROL",
                                     "HOST",
                                     "HOST-PRIV",
                                     "PROCESSOR",
                                     "PROCESSOR-SET",
                                     "PROCESSOR-SET-NAME",
                                     "TIMER",
                                     "PAGER-REQUEST",
                                     "MIG",
                                     "MEMORY-OBJECT",
                                     "XMM-PAGER",
                                     "XMM-KERNEL",
                                     "XMM-REPLY",
                                     "UND-REPLY",
                                     "message-queue",
                                     "HOST-SECURITY",
                                     "LEDGER",
                                     "MAIN-DEVICE",
                                     "TASK-NAME",
                                     "SUBSYSTEM",
                                     "IO-QUEUE-DONE",
                                     "SEMAPHORE",
                                     "LOCK-SET",
                                     "CLOCK",
                                     "CLOCK-CONTROL",
                                     "IOKIT-IDENT",
                                     "NAMED-MEMORY",
                                     "IOKIT-CONNECT",
                                     "IOKIT-OBJECT",
                                     "UPL",
                                     "XMM-CONTROL",
                                     "SESSIONPORT",
                                     "FILEPORT",
                                     "MACF-LABEL",
                                     "TASK_RESUME",
                                     "VOUCHER",
                                     "VOUCHER_ATTR_CONTROL",
                                     "WORK_INTERVAL",
                                     "UX_HANDLER",
                                     "UEXT_OBJECT",
                                     "ARCADE_REG",
                                     "EVENTLINK",
                                     "TASK-INSPECT",
                                     "TASK-READ",
                                     "THREAD-INSPECT",
                                     "THREAD-READ",
                                     "SUID_CRED",
                                     "HYPERVISOR",
                                     "TASK_ID_TOKEN",
                                     "TASK_FATAL",
                                     "KCDATA",
                                     "EXCLAVES_RESOURCE"};

struct RightWord {
  uint32_t bit;
  const char* word;
  const char* key;
};
constexpr RightWord kRights[] = {{MACH_PORT_TYPE_RECEIVE, "recv", "recv"},
                                 {MACH_PORT_TYPE_SEND, "send", "send"},
                                 {MACH_PORT_TYPE_SEND_ONCE, "send-once", "once"},
                                 {MACH_PORT_TYPE_PORT_SET, "port-set", "set"},
                                 {MACH_PORT_TYPE_DEAD_NAME, "dead-name", "dead"}};

}  // namespace

const char* kobject_word(uint32_t type) {
  if (type < sizeof kKobjects / sizeof *kKobjects) return kKobjects[type];
  return type == kKobjectBootstrap ? "BOOTSTRAP" : "UNKNOWN";
}

bool is_task_kind(uint32_t type) { return type == 2 || type == 20 || type == 36 || type == 44 || type == 45; }
bool is_thread_kind(uint32_t type) { return type == 1 || type == 46 || type == 47; }

std::vector<const char*> right_words(uint32_t type) {
  std::vector<const char*> words;
  for (const RightWord& right : kRights)
    if ((type & right.bit) != 0) words.push_back(right.word);
  return words;
}

std::string rights_text(uint32_t type) {
  std::string text;
  for (const char* word : right_words(type)) text += (text.empty() ? "" : ",") + std::string(word);
  return text;
}

const char* right_key(uint32_t right) {
  for (const RightWord& known : kRights)
    if ((right & known.bit) != 0) return known.key;
  return "none";
}

uint32_t parse_rights(const std::string& text) {
  uint32_t mask = 0;
  for (size_t start = 0; start <= text.size();) {
    const size_t comma = text.find(',', start);
    const std::string word = text.substr(start, comma == std::string::npos ? comma : comma - start);
    uint32_t bit = word == "all" ? 0x1f0000u : 0;
    if (word == "receive") bit = MACH_PORT_TYPE_RECEIVE;
    for (const RightWord& right : kRights)
      if (word == right.word || word == right.key) bit = right.bit;
    if (bit == 0) return 0;
    mask |= bit;
    if (comma == std::string::npos) break;
    start = comma + 1;
  }
  return mask;
}

const char* guard_word(Guard guard) {
  switch (guard) {
    case Guard::keys:
      return "keys";
    case Guard::mapping:
      return "mprotect";
    case Guard::off:
      break;
  }
  return "off";
}

std::string hex(uint64_t value) {
  char text[24];
  snprintf(text, sizeof text, "0x%llx", static_cast<unsigned long long>(value));
  return text;
}

std::string port_word(uint64_t identity) { return identity == 0 ? "-" : "p" + std::to_string(identity); }

std::string grouped(uint64_t value) {
  const std::string digits = std::to_string(value);
  std::string text;
  for (size_t i = 0; i < digits.size(); i++) {
    if (i != 0 && (digits.size() - i) % 3 == 0) text += ',';
    text += digits[i];
  }
  return text;
}

std::string decimal(double value) {
  char text[40];
  snprintf(text, sizeof text, "%.1f", value);
  return text;
}

std::string plural(uint64_t count, const char* one, const char* many) {
  std::string text = grouped(count) + " ";
  if (count == 1) return text + one;
  return text + (many != nullptr ? many : std::string(one) + "s");
}

std::string cut_middle(const std::string& text, size_t width) {
  if (text.size() <= width) return text;
  if (width <= 3) return text.substr(0, width);
  const size_t keep = width - 3, front = keep / 2;
  return text.substr(0, front) + "..." + text.substr(text.size() - (keep - front));
}

}  // namespace portolan::inspect
