// SPDX-License-Identifier: Apache-2.0
// What a task that has ended, or goes on, holds without need. The kinds of leak:
//
//   piled       one stack still holds `pile` or more references or rights
//   dead        the port died longer than `grace` before the end, its name was kept
//   unanswered  a request's send-once right, neither used nor released
//   held        any other right at the end: counted, never an error
//
// Stacks with the same guilty line are one finding. Pure functions over a Snapshot.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "inspect/ends.hpp"
#include "inspect/stacks.hpp"
#include "inspect/suppress.hpp"

namespace portolan::inspect {

enum class Kind : uint8_t { piled, dead, unanswered, held };
const char* kind_word(Kind kind);
std::optional<Kind> parse_kind(const std::string& word);

struct LeakOptions {
  uint64_t pile = 10;
  double grace = 1.0;  // seconds
};

// What one stack of a finding still holds.
struct Share {
  uint32_t site = 0;
  uint64_t references = 0;
  const Stack* stack = nullptr;
};

struct Message {
  int32_t id = 0;
  uint32_t sender_pid = 0;
  std::string sender;  // program; empty: no longer known
};

// Ports of one kind at one other end.
struct OtherEnd {
  uint32_t pid = 0;     // 0: the kernel, or unknown
  std::string program;  // empty: unknown
  bool self = false;
  std::string kobject;  // word; empty: an ordinary port
  std::string service;
  uint32_t right = 0;  // what it holds: MACH_PORT_TYPE_*; 0: it stands behind a kernel object
  uint64_t live = 0, ended = 0, waiting = 0;  // ports
};

struct Rate {
  double names = 0, references = 0;  // a second
  double from = 0;                   // seconds after the task's start
};

struct Finding {
  Kind kind = Kind::held;
  bool growing = false;
  uint32_t task_pid = 0;
  std::string program;
  Holding rights;  // by right: names and references, of these stacks
  uint64_t names = 0, references = 0;
  uint64_t acquired = 0;             // ever, by these stacks
  std::optional<uint64_t> released;  // unknown when the stacks' totals are not counted or are several tasks'
  std::optional<Rate> rate;
  std::string call;                // the library call that acquired them
  std::string kobject;             // word, when all are of one kind
  std::optional<Message> message;  // that the rights came in
  std::vector<Share> stacks;       // most first
  std::vector<OtherEnd> others;    // most first
  std::vector<uint32_t> examples;  // names
  std::string next;                // what to do about it
  std::string suppressed_by;       // the reason; empty: it counts

  const Stack* top() const { return stacks.empty() ? nullptr : stacks[0].stack; }
  const Frame* guilty() const { return top() == nullptr ? nullptr : top()->guilty_frame(); }
};

// All findings of one task, worst first; `held` ones too. Suppressed stacks are taken out of their finding; a
// finding that loses all of them stays in the list with `suppressed_by`. `stacks` must outlive the result.
std::vector<Finding> find_leaks(const Snapshot& snapshot, const TaskInfo& task, Stacks& stacks,
                                const LeakOptions& options, std::vector<Suppression>& suppressions);

}  // namespace portolan::inspect
