// SPDX-License-Identifier: Apache-2.0
// Checking the kernel's objects: every numbered invariant of objects.hpp, by an independent walk over all
// that is there. Whoever holds a right or a reference is found and counted, and the sums are compared with
// what the objects say; every element is reached from somewhere, exactly as often as it may be.
//
// Reads only, takes no locks, believes nothing: see segment/fsck.hpp. Linear in what exists.
#pragma once

#include "ipc/objects.hpp"
#include "segment/fsck.hpp"

namespace portolan::ipc {

// The segment's own invariants too.
Report fsck(const Segment& segment, const FsckOptions& options = {});

// Those that are checked here; with segment_invariants() they are all.
std::span<const Invariant> kernel_invariants();

}  // namespace portolan::ipc
