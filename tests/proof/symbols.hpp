// SPDX-License-Identifier: Apache-2.0
// The names of this program's own functions, hidden ones included: from the symbol table of its file.
#pragma once

#include <cstdint>
#include <string>

namespace portolan::proof {

// Where this program's code lies: addresses as in its file, and what loading has added to them.
struct Code {
  uintptr_t begin = 0, end = 0;
  uintptr_t loaded_at = 0;
};
Code own_code();

// "function+0x12"; the bare address when nothing is known.
std::string symbol_at(uintptr_t address);

}  // namespace portolan::proof
