// SPDX-License-Identifier: Apache-2.0
#include "proof/coverage.hpp"

#include <stddef.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>

#include "proof/symbols.hpp"

namespace portolan::proof {

namespace {

enum Mark : uint8_t { kPassed = 1, kChanged = 2 };

// One byte for each of this program's code.
struct Marks {
  Code code;
  uint8_t* bytes = nullptr;
};
Marks g_marks;

// The instruction from which the body left the program's code last: into a library, as memcpy.
uintptr_t g_left_from = 0;

bool any(const std::vector<CodeRange>& ranges, Mark mark) {
  for (const CodeRange& range : ranges)
    for (uintptr_t at = range.begin; at < range.end; at++)
      if ((g_marks.bytes[at - g_marks.code.begin] & mark) != 0) return true;
  return false;
}

bool is_left_out(const WriteSite& site) {
  return std::any_of(left_out().begin(), left_out().end(),
                     [&](const LeftOut& one) { return one.covers(site); });
}

// What changed a segment in the kernel's code, and is no site's.
std::vector<std::string> unknown_writes() {
  const KernelCode& kernel = kernel_code();
  const size_t length = g_marks.code.end - g_marks.code.begin;
  std::vector<bool> known(length, true);
  auto fill = [&](const CodeRange& range, bool value) {
    std::fill(known.begin() + static_cast<ptrdiff_t>(range.begin - g_marks.code.begin),
              known.begin() + static_cast<ptrdiff_t>(range.end - g_marks.code.begin), value);
  };
  for (const CodeRange& range : kernel.kernel) fill(range, false);
  for (const WriteSite& site : kernel.sites)
    for (const CodeRange& range : site.code) fill(range, true);
  std::vector<std::string> unknown;
  for (size_t at = 0; at < length; at++)
    if (!known[at] && (g_marks.bytes[at] & kChanged) != 0)
      unknown.push_back(symbol_at(g_marks.code.loaded_at + g_marks.code.begin + at));
  return unknown;
}

}  // namespace

void coverage_begin() {
  g_marks.code = own_code();
  void* memory = mmap(nullptr, g_marks.code.end - g_marks.code.begin, PROT_READ | PROT_WRITE,
                      MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) {
    perror("killpoints: no memory");
    _exit(2);
  }
  g_marks.bytes = static_cast<uint8_t*>(memory);
}

void coverage_note(uintptr_t instruction, bool changed) {
  const uintptr_t at = instruction - g_marks.code.loaded_at - g_marks.code.begin;
  if (at < g_marks.code.end - g_marks.code.begin) {
    g_left_from = at;
    g_marks.bytes[at] |= kPassed;
  }
  if (changed) g_marks.bytes[g_left_from] |= kChanged;
}

Coverage coverage_result() {
  Coverage result;
  for (const WriteSite& site : kernel_code().sites) {
    if (is_left_out(site)) continue;
    result.sites++;
    if (any(site.code, kPassed))
      result.reached++;
    else
      result.missed.push_back(&site);
  }
  result.unknown = unknown_writes();
  return result;
}

bool LeftOut::covers(const WriteSite& site) const {
  return site.file == file && (function[0] == 0 || site.function == function);
}

const std::vector<LeftOut>& left_out() {
  static const char kNameless[] = "the domain has no name yet: who dies there leaves a temporary file";
  static const char kOwn[] = "words of the process's own memory, not of a segment";
  static const std::vector<LeftOut> list = {
      {"segment/segment.cpp", "format", kNameless},
      {"ipc/kernel.cpp", "make_roots", kNameless},
      {"bootstrap/subset.cpp", "make_root", kNameless},
      {"segment/fsck.cpp", "undo_open_transactions", "works on a private copy of the segment"},
      {"traps/runtime.cpp", "join", kOwn},
      {"traps/runtime.cpp", "ask_of_domain",
       "flags of the domain, each set in one store, that nothing counts on"},
      {"traps/runtime.cpp", "join_once", kOwn},
      {"segment/guard.cpp", "", kOwn},
      {"traps/signal_table.cpp", "", kOwn},
      {"traps/signals_lost.cpp", "mark_lost", kOwn},
      {"traps/process_launchd.cpp", "turn", kOwn},
      {"traps/sites.cpp", "sites_forget", kOwn},
      {"traps/sites_modules.cpp", "add_loaded", kOwn},
      {"vm/maximum.cpp", "", kOwn},
      {"vm/region.cpp", "", kOwn},
      {"vm/usercopy.cpp", "", kOwn},
  };
  return list;
}

void print_sites(const Coverage& coverage) {
  for (const WriteSite* site : coverage.missed)
    printf("not reached: %s:%u %s\n", site->file.c_str(), site->line, site->function.c_str());
  for (const std::string& one : coverage.unknown) printf("writes, and is no write site: %s\n", one.c_str());
  for (const LeftOut& one : left_out()) {
    const auto& sites = kernel_code().sites;
    const auto count =
        std::count_if(sites.begin(), sites.end(), [&](const WriteSite& site) { return one.covers(site); });
    printf("left out: %s %s, %td sites: %s\n", one.file, one.function, count, one.why);
  }
}

}  // namespace portolan::proof
