// SPDX-License-Identifier: Apache-2.0
// Where the kernel writes: the lines of its source that change words of a segment, and the machine code of
// each in this very program. Taken from the program's debugging information, so that the code that is stepped
// is the code that everybody runs.
//
// A write is a word's own operation (segment/cell.hpp), or one that copies bytes (segment/raw.hpp), inlined
// or called. Its line is that which asked for it: the nearest one outside of cell.hpp; for Txn::set and
// Txn::add, which log besides, their own lines and that of their caller. Copies of a line, as inlining makes
// them, are one site.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace portolan::proof {

struct CodeRange {
  uintptr_t begin, end;  // as in the file: add the load address
};

struct WriteSite {
  std::string file;  // below src/
  unsigned line;
  std::string function;
  std::vector<CodeRange> code;
};

struct KernelCode {
  std::vector<WriteSite> sites;   // by file and line
  std::vector<CodeRange> kernel;  // all code of the kernel's own files
};

// Empty when the program has no debugging information.
const KernelCode& kernel_code();

}  // namespace portolan::proof
