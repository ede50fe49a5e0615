// SPDX-License-Identifier: Apache-2.0
// Which of the kernel's write sites the stepped passes came through, all scenarios together: the processes
// that step mark each instruction in memory that they share.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "proof/write_sites.hpp"

namespace portolan::proof {

// The process that runs the scenarios calls this before the first is started.
void coverage_begin();

// An instruction of the body was passed; `changed`: the segment is another after
// it.
void coverage_note(uintptr_t instruction, bool changed);

struct Coverage {
  unsigned sites = 0, reached = 0;       // without those that are left out
  std::vector<const WriteSite*> missed;  // of these
  std::vector<std::string> unknown;      // what changed a segment and belongs to no site
};
Coverage coverage_result();

// Sites that no stepped pass can reach, and why. By function; all of a file where that is empty.
struct LeftOut {
  const char* file;
  const char* function;
  const char* why;
  bool covers(const WriteSite& site) const;
};
const std::vector<LeftOut>& left_out();

// What `killpoints --sites` says: the sites that were not reached, and those that are left out.
void print_sites(const Coverage& coverage);

}  // namespace portolan::proof
