// SPDX-License-Identifier: Apache-2.0
// The names of this program's own functions, hidden ones included: from the symbol table of its file.
#pragma once

#include <cstdint>
#include <string>

namespace portolan::proof {

// "function+0x12"; the bare address when nothing is known.
std::string symbol_at(uintptr_t address);
// Where a function with this mangled name begins; 0: there is none.
uintptr_t address_of(const char* mangled);

}  // namespace portolan::proof
