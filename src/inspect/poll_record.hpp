// SPDX-License-Identifier: Apache-2.0
// The records that Darwin's poll keeps of what it lost (darwin_poll/record.hpp), as plain data.
#pragma once

#include <poll.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "darwin_poll/record.hpp"

namespace portolan::inspect {

struct PollEntry {
  int fd = -1;
  int events = 0;
};

struct PollLoss {
  uint64_t ticket = 0;  // the same loss keeps it
  darwin_poll::LossKind kind = darwin_poll::kSpent;
  int tid = 0, fd = -1, events = 0, peer = 0, timeout = -1, result = 0;
  uint32_t fired = 0, times = 0, count = 0;
  uint64_t called = 0, lost = 0;    // nanoseconds since 1970
  uint64_t hung_up = 0, ended = 0;  // 0: not
  std::vector<PollEntry> entries;   // the first of them
  std::string module, object;
  uint64_t offset = 0;
  bool asleep = false;  // the thread is in that call

  // The call never returned: it sleeps, or its process ended in it.
  bool stuck() const { return ended == 0; }
  bool blind() const { return kind == darwin_poll::kSpent && stuck(); }
  bool lost_hang_up() const {
    return stuck() && hung_up != 0 && (kind == darwin_poll::kSpent || kind == darwin_poll::kUnwatched);
  }
  // Asked of nothing that could hang up, it is harmless.
  bool never_watched() const;
};

struct PollRecord {
  int pid = 0;
  std::string program;
  bool old = false;  // the profile darwin-old
  bool alive = false;
  uint64_t calls = 0;
  uint64_t overwritten = 0;  // losses that are not in it any more
  std::vector<PollLoss> losses;
};

// Nothing: there is no such record, or it is of a process that had the pid before.
std::optional<PollRecord> read_poll_record(const std::string& file);
// Where the record of a running process is, whether or not it has one yet; nothing: the process does not have
// Darwin's poll, or is not ours.
std::optional<std::string> poll_record_of(int pid);

std::string poll_bits_text(int events);            // "POLLIN|POLLHUP", "0"
std::string poll_call_text(const PollLoss& loss);  // "poll({12 POLLHUP}, {9 POLLIN}, -1)"

}  // namespace portolan::inspect
