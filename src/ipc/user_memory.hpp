// SPDX-License-Identifier: Apache-2.0
// The memory of the program that a trap works for, as the kernel sees it: addresses that may be anything.
// Never used inside a transaction. The traps give the caller's own memory; a gate that runs traps for
// somebody else, and tests, give theirs.
#pragma once

#include <cstddef>
#include <cstdint>

namespace portolan::ipc {

class UserMemory {
 public:
  // False: some byte cannot be read or written; what was copied by then stays.
  virtual bool copy_in(void* kernel, uint64_t user, size_t size) = 0;
  virtual bool copy_out(uint64_t user, const void* kernel, size_t size) = 0;
  // Memory for `size` bytes that are about to be written, `offset` bytes into its first page, zero around
  // them on their pages; 0: none left.
  virtual uint64_t map(size_t size, size_t offset) = 0;
  // Gives back every page that [address, address + size) touches.
  virtual void unmap(uint64_t address, uint64_t size) = 0;

 protected:
  ~UserMemory() = default;
};

}  // namespace portolan::ipc
