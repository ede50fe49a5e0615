// SPDX-License-Identifier: Apache-2.0
// The life of a process of the storm: it takes its place in the ring, runs its two threads, and goes when it
// is told to, or makes somebody else carry on in its place: a child, or a new image of itself. It may be
// killed after any instruction of that.
#pragma once

#include "storm/self.hpp"

namespace portolan::storm {

// Becomes the process at a place; never returns.
[[noreturn]] void live(Ledger& ledger, unsigned place, uint32_t life);

// Forks; the child becomes the next life of this place as soon as this process, which leaves at once, is
// gone. Returns only if that cannot be.
void carry_on_in_child(Self& self);
// The same by exec: the process stays, with a new task. `main` calls live().
void carry_on_in_new_image(Self& self);

}  // namespace portolan::storm
