// SPDX-License-Identifier: Apache-2.0
// One bootstrap call: the trap, whose namespace, and what is read from and written to the caller's memory.
#pragma once

#include <string.h>

#include <algorithm>

#include "bootstrap/namespace.hpp"
#include "traps/trap.hpp"
#include "vm/own_memory.hpp"

namespace portolan {

class BootstrapCall {
 public:
  explicit BootstrapCall(mach_port_t port) : bp{port}, memory_(memory_of(trap_)) {}

  bool ok() const { return trap_.ok(); }
  Thread& thread() const { return trap_.thread(); }
  bootstrap::Caller caller() const { return {trap_.task(), trap_.space()}; }

  // As much of a string as counts, never a byte behind its end, which may be the end of memory.
  template <size_t N>
  bool load_text(const char* text, char (&bytes)[N]) {
    memset(bytes, 0, N);
    size_t length = 0;
    while (length < N - 1) {
      const auto at = reinterpret_cast<uint64_t>(text) + length;
      const size_t part = std::min<size_t>(N - 1 - length, kPage - at % kPage);
      if (!memory_.copy_in(bytes + length, at, part)) return false;
      const size_t used = strnlen(bytes + length, part);
      length += used;
      if (used < part) break;
    }
    memset(bytes + length, 0, N - length);
    return true;
  }
  bool load_name(const char* text) {
    char bytes[ipc::kServiceNameMax];
    if (!load_text(text, bytes)) return false;
    name = bootstrap::ServiceName(bytes);
    return true;
  }

  // One of several results, if all went well so far.
  template <class T>
  kern_return_t store(kern_return_t code, T* to, T value) {
    if (code == KERN_SUCCESS && !memory_.copy_out(reinterpret_cast<uint64_t>(to), &value, sizeof value))
      code = KERN_INVALID_ADDRESS;
    return code;
  }
  template <class T>
  kern_return_t finish(kern_return_t code, T* to, T value) {
    return trap_.leave(store(code, to, value));
  }
  kern_return_t finish(kern_return_t code) {
    return trap_.leave(code);
  }

  const ipc::Name bp;
  bootstrap::ServiceName name;

 private:
  static vm::OwnMemory memory_of(const Trap& trap) {
    static const Segment kNone;
    return vm::OwnMemory(trap.ok() ? trap.thread().segment() : kNone);
  }

  Trap trap_;
  vm::OwnMemory memory_;
};

}  // namespace portolan
