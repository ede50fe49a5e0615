// SPDX-License-Identifier: Apache-2.0
// From module and address to function, file and line, by the files' own debugging information (elfutils).
// Works long after the process is gone: a module is its path and its build-id, and a file that has changed
// meanwhile is not asked.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "inspect/snapshot.hpp"

namespace portolan::inspect {

struct Frame {
  std::string function;  // demangled, with its parameters; empty: unknown
  std::string file;      // as the compiler had it; empty: unknown
  uint32_t line = 0;
  std::string directory;  // of compilation, for shortening `file`
  std::string module;     // path; empty: generated code
  std::string build_id;
  uint64_t offset = 0;   // in the module's file
  bool inlined = false;  // into the next frame
  bool runtime = false;  // of the language's own library: set by Stacks
};

class Symbols {
 public:
  Symbols();
  ~Symbols();
  Symbols(const Symbols&) = delete;
  Symbols& operator=(const Symbols&) = delete;

  // The frames at a return address, functions that were inlined there first. Never empty.
  std::vector<Frame> resolve(const ModuleInfo& module, uint64_t return_address);

  // Modules that were asked and have no line table, and files that are not those that ran.
  std::vector<std::string> without_lines() const;
  std::vector<std::string> changed() const;

 private:
  struct Module;
  struct State;
  std::unique_ptr<State> state_;
};

// "base::CurrentId()" for display; what is unknown says where it lies: "libfoo.so+0x12ab".
std::string function_text(const Frame& frame);
// The function's name without its parameters, as suppressions and --ignore-fn match it.
std::string function_name(const Frame& frame);
// "base/thread_id.cc:31", relative to the working directory or else to where it was compiled; empty when
// unknown.
std::string place_text(const Frame& frame);
std::string base_name(const std::string& path);

}  // namespace portolan::inspect
