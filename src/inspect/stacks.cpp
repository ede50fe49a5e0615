// SPDX-License-Identifier: Apache-2.0
#include "inspect/stacks.hpp"

#include <fnmatch.h>

#include <algorithm>

namespace portolan::inspect {

namespace {

bool starts(const std::string& text, const char* with) { return text.rfind(with, 0) == 0; }

bool is_library(const Frame& frame) {
  return starts(base_name(frame.module), "libportolan") || starts(frame.function, "portolan::");
}

// The language's own: never the cause, however often it is the caller.
bool is_runtime(const Frame& frame) {
  const std::string module = base_name(frame.module);
  for (const char* name : {"libc.so", "libc-", "libpthread", "ld-linux", "libstdc++", "libc++", "libgcc_s",
                           "libasan", "libtsan", "libubsan", "liblsan"})
    if (starts(module, name)) return true;
  return frame.file.find("/include/c++/") != std::string::npos || starts(frame.file, "/usr/include/");
}

// The public call that a program wrote: some end in a jump to the trap of Darwin's name, whose frame is all
// that is left.
std::string public_call(const std::string& function) {
  constexpr const char* kTraps[][2] = {
      {"thread_self_trap", "mach_thread_self"}, {"host_self_trap", "mach_host_self"},
      {"task_self_trap", "mach_task_self"},     {"mach_msg_trap", "mach_msg"},
      {"mach_msg_overwrite_trap", "mach_msg"},  {"mach_msg2_trap", "mach_msg2"}};
  for (const auto& [trap, call] : kTraps)
    if (function == trap) return call;
  return function;
}

}  // namespace

bool glob_match(const std::string& pattern, const std::string& text) {
  return fnmatch(pattern.c_str(), text.c_str(), 0) == 0;
}

Stacks::Stacks(const Snapshot& snapshot, Symbols& symbols, std::vector<std::string> ignored)
    : snapshot_(snapshot), symbols_(symbols), ignored_(std::move(ignored)) {}

bool Stacks::blameless(const Frame& frame) const {
  if (is_library(frame) || frame.runtime) return true;
  const std::string name = function_name(frame);
  return std::any_of(ignored_.begin(), ignored_.end(), [&](const std::string& glob) {
    return glob_match(glob, name) || glob_match(glob, frame.function);
  });
}

const Stack& Stacks::of(uint32_t site) {
  auto [at, fresh] = stacks_.try_emplace(site);
  Stack& stack = at->second;
  const auto found = snapshot_.sites.find(site);
  if (!fresh || found == snapshot_.sites.end()) return stack;
  stack.known = true;
  stack.cut = found->second.cut;
  for (const uint64_t raw : found->second.frames) {
    const auto module = snapshot_.modules.find(static_cast<uint32_t>(raw >> 48));
    const ModuleInfo nowhere;
    const ModuleInfo& where = module == snapshot_.modules.end() ? nowhere : module->second;
    for (Frame& frame : symbols_.resolve(where, raw & ((uint64_t{1} << 48) - 1))) {
      // Only at the front: further out a frame of the library is one that called the program back.
      if (stack.frames.empty() && is_library(frame)) {
        stack.call = public_call(function_name(frame));
        continue;
      }
      frame.runtime = is_runtime(frame);
      stack.frames.push_back(std::move(frame));
    }
  }
  while (stack.guilty < stack.frames.size() && blameless(stack.frames[stack.guilty])) stack.guilty++;
  if (stack.guilty == stack.frames.size()) stack.guilty = 0;
  return stack;
}

}  // namespace portolan::inspect
