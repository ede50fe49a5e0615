// SPDX-License-Identifier: Apache-2.0
// The three faces of lsmp: our table, our JSON, and Darwin's text and JSON.
#pragma once

#include <string>
#include <vector>

#include "cli/json.hpp"
#include "inspect/stacks.hpp"

namespace portolan::cli {

struct LsmpStyle {
  uint32_t rights = ~0u;  // MACH_PORT_TYPE_*
  std::string sort = "name";
  size_t most = SIZE_MAX;
  bool fold = false, sites = false, verbose = false;
  unsigned width = 0;
  bool colours = false;
};

// `stacks` may be nullptr unless style.sites.
std::string lsmp_text(const inspect::Snapshot& snapshot, const inspect::Ends& ends,
                      const inspect::TaskInfo& task, inspect::Stacks* stacks, const LsmpStyle& style);
Json lsmp_json(const inspect::Snapshot& snapshot, const inspect::Ends& ends, const inspect::TaskInfo& task,
               inspect::Stacks* stacks, uint32_t rights);

// Darwin's, to the byte (docs/rules/tasks.md 7.8), but with the ends that Darwin's misses.
std::string classic_text(const inspect::Snapshot& snapshot, const inspect::Ends& ends,
                         const inspect::TaskInfo& task, bool with_threads);
nlohmann::ordered_json classic_json(const inspect::Snapshot& snapshot, const inspect::Ends& ends,
                                    const inspect::TaskInfo& task, bool with_threads);

// "> echo 4260:0x707 com.example.echo", one for each other end; for tests and for folding.
std::vector<std::string> other_ends(const inspect::Snapshot& snapshot, const inspect::Ends& ends,
                                    const inspect::TaskInfo& task, const inspect::NameInfo& name);

}  // namespace portolan::cli
