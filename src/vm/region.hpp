// SPDX-License-Identifier: Apache-2.0
// Memory that comes and goes with messages: mapped for a receiver, given back by vm_deallocate, and kept a
// while with its pages for the next receiver, since a page that is faulted in costs more than one that is
// copied.
//
// The process's own; nothing here is in the segment. No locks: a region that is kept is one atomic word, so
// that a signal handler, or the child of a fork at any moment, finds it kept or gone. What is kept cannot be
// accessed: a pointer into memory that was given back faults, as it should. If the process dies, Linux takes
// it all.
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "segment/layout.hpp"

namespace portolan::vm {

constexpr uintptr_t page_down(uintptr_t address) { return address & ~(kPage - 1); }
constexpr uintptr_t page_up(uintptr_t address) { return page_down(address + kPage - 1); }  // 0: overflow

// Memory for `size` bytes that are about to be written, `offset` bytes into its first page; nullptr when
// there is none. Readable and writable; what surrounds those bytes on their pages is zero, the bytes
// themselves are anything.
void* map_for_receive(size_t size, size_t offset = 0);

// Gives back every page that these bytes touch; what is not mapped is no error. False when Linux lacks the
// memory for it.
bool unmap(void* address, size_t size);

// Bytes kept at present, and the way to be rid of them: of all, or of those that touch a range. Memory that
// was given back must look like none to whoever asks for its place, or for what is there.
size_t kept_bytes();
void drop_kept(uintptr_t start = 0, uintptr_t end = UINTPTR_MAX);

}  // namespace portolan::vm
