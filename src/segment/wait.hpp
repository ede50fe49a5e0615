// SPDX-License-Identifier: Apache-2.0
// Sleeping until somebody grants something, and waking. The waiter is on some object's list when it comes
// here; the waker takes it off, records the grant in its frame and owes the wake, all in one transaction, and
// pays after unlocking. A wake carries the epoch of the wait that it ends, so that a late one wakes nobody
// wrongly and a right one proves that the grant is committed.
#pragma once

#include "segment/thread.hpp"

namespace portolan {

enum class WaitEnd { granted, timed_out, interrupted };

// Waits for the frame's present epoch to be granted. A wait that ends otherwise is still on its list: the
// caller looks again under the object's lock. Holds no lock. Spins first where that has paid lately.
WaitEnd wait_for_grant(Thread& self, Frame& frame, uint64_t deadline_ns, bool interruptible);

// Pays one owed wake: epoch << 32 | frame. `heir`: for somebody who died, perhaps in the middle of it.
enum class Payer { debtor, heir };
void wake_frame(Segment& segment, uint64_t owed, Payer payer);

// For a signal handler of the thread itself: a sleep that is about to begin does not.
void poke_own_frame(Thread& self);

}  // namespace portolan
