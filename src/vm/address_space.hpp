// SPDX-License-Identifier: Apache-2.0
// The mach_vm calls on the calling process's own memory (tasks 5.1 to 5.3), on top of Linux's mappings. Each
// is one function that takes what the C call takes, its pointers already read, and returns its code.
//
// No locks, nothing in the segment: the segment is asked for only to keep everybody's hands off its mapping,
// which counts as no memory at all. Addresses are the program's; nothing is believed about them.
#pragma once

#include <mach/kern_return.h>
#include <mach/vm_prot.h>
#include <mach/vm_statistics.h>

#include "segment/segment.hpp"

namespace portolan::vm {

// Zeroed memory; `address` is read with VM_FLAGS_FIXED, and written on success.
kern_return_t allocate(const Segment& segment, uint64_t& address, uint64_t size, int flags);
kern_return_t deallocate(const Segment& segment, uint64_t address, uint64_t size);
kern_return_t protect(const Segment& segment, uint64_t address, uint64_t size, bool set_maximum,
                      vm_prot_t protection);

// A copy in memory of its own, at `data`.
kern_return_t read(const Segment& segment, uint64_t address, uint64_t size, uint64_t& data);
// From one place of the program to another; they may overlap.
kern_return_t copy(const Segment& segment, uint64_t from, uint64_t size, uint64_t to);

// Up to this many bytes are copied without looking first, and fail as bad addresses do.
#if defined(__aarch64__)
inline constexpr uint64_t kSmallCopy = 32 * 1024;
#else
inline constexpr uint64_t kSmallCopy = 16 * 1024;
#endif

}  // namespace portolan::vm
