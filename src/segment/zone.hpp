// SPDX-License-Identifier: Apache-2.0
// Elements of fixed size and where the free ones are: a thread's magazine, one of the depot's shards, or not
// carved yet. Each move between them is a transaction of its own, so that taking one inside a transaction
// cannot fail.
#pragma once

#include "segment/txn.hpp"

namespace portolan {

// Fills the magazines until they cover `needs`; false when there is no memory. No lock is held.
bool reserve(Thread& self, const Needs& needs);

// Moves what `owner`'s last transaction freed to its magazines or to the depots.
void store_freed(Thread& self, ThreadSlot& owner);

// Returns all of a thread's magazines to the depots; for detach and for recovery, on behalf of `owner`.
void empty_magazines(Thread& self, ThreadSlot& owner);

}  // namespace portolan
