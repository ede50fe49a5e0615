// SPDX-License-Identifier: Apache-2.0
// Suppressions: stacks that somebody has looked at and accepts. Format: portolan-suppressions(5); the lines
// `leak:PATTERN` of LeakSanitizer's files work too.
#pragma once

#include <string>
#include <vector>

#include "inspect/stacks.hpp"

namespace portolan::inspect {

struct Suppression {
  std::string reason;
  int line = 0;  // in its file
  std::string file;
  std::string kind, kobject, task, call;  // globs; empty: any
  uint32_t rights = 0;                    // MACH_PORT_TYPE_*; 0: any
  std::vector<std::string> stack;         // globs, innermost first; "..." any number
  std::string anywhere;                   // leak:PATTERN, a part of any function, file or module
  uint64_t used = 0;
};

// What a suppression is matched against.
struct Suspect {
  const char* kind = "";
  std::string task;
  uint32_t rights = 0;
  std::string kobject;
  const Stack* stack = nullptr;
};

struct SuppressionError {
  int line = 0;
  std::string problem;
};

// Adds what `text` says; false with the first error.
bool parse_suppressions(const std::string& text, const std::string& file, std::vector<Suppression>& into,
                        SuppressionError& error);

// The first that matches, or nullptr. Does not count it as used.
Suppression* find_suppression(std::vector<Suppression>& all, const Suspect& suspect);

// A block that would suppress this very suspect.
std::string suppression_text(const Suspect& suspect);

}  // namespace portolan::inspect
