// SPDX-License-Identifier: Apache-2.0
// What check has found out, from which its reports are made: as text, as JSON, as JUnit XML.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "cli/json.hpp"
#include "cli/launch.hpp"
#include "inspect/corpse.hpp"
#include "inspect/leaks.hpp"

namespace portolan::cli {

// One task that took part.
struct Checked {
  inspect::Corpse corpse;
  bool still_running = false;
  uint64_t held = 0;  // names that are no leak
};

struct CheckResult {
  std::vector<std::string> program;
  std::string domain;
  uint32_t pid = 0;
  Ending ending;
  std::vector<Checked> tasks;
  std::vector<inspect::Finding> leaks;  // of the kinds that count, worst first
  std::vector<inspect::Finding> held;   // shown with --kinds all
  std::vector<inspect::Finding> suppressed;
  uint64_t held_names = 0;
  std::vector<inspect::Suppression> suppressions;
  std::vector<std::string> broken;  // what fsck says
  bool fsck_ran = false;
  uint64_t lost_stacks = 0;        // references that nobody saw come
  std::vector<std::string> notes;  // missing symbols, changed files, tasks that go on
  int exit = 0;
};

struct ReportStyle {
  size_t stacks = 1;  // shown of each finding
  unsigned width = 0;
  bool colours = false;
  bool quiet = false, verbose = false;
};

std::string check_text(const CheckResult& result, const ReportStyle& style);
Json check_json(const CheckResult& result);
std::string check_junit(const CheckResult& result);
// One line for a finding, as in SUMMARY and JUnit.
std::string finding_title(const inspect::Finding& finding);
// "base/thread_id.cc:31", or the function, or that nobody knows.
std::string guilty_place(const inspect::Finding& finding);

}  // namespace portolan::cli
