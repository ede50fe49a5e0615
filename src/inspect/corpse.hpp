// SPDX-License-Identifier: Apache-2.0
// Corpses: what is kept of a dead task so that its leaks can be found later. A corpse is a Snapshot of one
// task: all its names with their acquisitions, the names by which others share its ports, and the stacks, as
// a JSON file.
//
// The writing half needs the standard library only and reads the segment without locks: launchd calls it for
// each dead task of a domain with kDomainCorpse, after recovery and before the task's space is torn down.
#pragma once

#include <optional>
#include <string>

#include "inspect/snapshot.hpp"

namespace portolan::inspect {

// In the domain's directory: kCorpsePrefix PID `-` INDEX kCorpseSuffix. Written under another name and then
// renamed, so that a file of this name is complete.
inline constexpr char kCorpsePrefix[] = "corpse-";
inline constexpr char kCorpseSuffix[] = ".json";
std::string corpse_name(uint32_t pid, uint32_t task_index);

// False: the file could not be written; errno says why. Never throws.
bool write_corpse(const Segment& segment, uint32_t task_index, const char* path) noexcept;

struct Corpse {
  uint32_t task = 0;  // index in the snapshot's tasks of the one that died
  Snapshot snapshot;

  const TaskInfo* dead() const { return snapshot.task(task); }
};

// `text` is a file's content. On failure nothing, and `problem` says what is wrong with it.
std::optional<Corpse> read_corpse(const std::string& text, std::string& problem);

// The corpse's text; for tests, and for tasks that still live when `check` stops waiting.
std::string corpse_text(const Snapshot& snapshot, uint32_t task_index);

}  // namespace portolan::inspect
