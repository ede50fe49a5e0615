// SPDX-License-Identifier: Apache-2.0
// The memory of the calling process as messages see it: what a trap gives to the kernel's copyin and copyout.
#pragma once

#include "ipc/user_memory.hpp"
#include "vm/address_space.hpp"
#include "vm/region.hpp"
#include "vm/usercopy.hpp"

namespace portolan::vm {

class OwnMemory final : public ipc::UserMemory {
 public:
  explicit OwnMemory(const Segment& segment) : segment_(segment) {}

  bool copy_in(void* kernel, uint64_t user, size_t size) override {
    const void* from = reinterpret_cast<const void*>(user);
    return user_range_ok(segment_, from, size) && copy_from_user(kernel, from, size);
  }
  bool copy_out(uint64_t user, const void* kernel, size_t size) override {
    void* to = reinterpret_cast<void*>(user);
    return user_range_ok(segment_, to, size) && copy_to_user(to, kernel, size);
  }
  uint64_t map(size_t size, size_t offset) override {
    return reinterpret_cast<uint64_t>(map_for_receive(size, offset));
  }
  void unmap(uint64_t address, uint64_t size) override { deallocate(segment_, address, size); }

 private:
  const Segment& segment_;
};

}  // namespace portolan::vm
