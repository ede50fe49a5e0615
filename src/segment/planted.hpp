// SPDX-License-Identifier: Apache-2.0
// Mistakes against the rules that keep the kernel whole (docs/kernel.md), planted to see that the tests of
// dying notice them. Nothing is wrong with such a kernel as long as nobody dies or contends. Only a build
// with PORTOLAN_MUTANTS has them (the test program `planted`); everywhere else `planted` is false at compile
// time and nothing of them is left. Mistakes in what the kernel does are in ipc/mutant.hpp.
//
// Not for headers: programs that link such a kernel are compiled without PORTOLAN_MUTANTS in part.
#pragma once

namespace portolan {

enum class Planted : unsigned {
  none,
  unlogged_write,  // a Cell is written outside the transaction: a queue's count without an old value in the
                   // log
  early_commit,    // a transaction commits before its last stores: the wake owed is noted after it
  forgotten_hold,  // a message that was made is in nobody's hand until the next transaction notes it
  lost_wake,       // a sender is promised a slot, and no wake is owed
  early_free,      // a freed element can be taken again before the transaction that freed it commits
  unnoted_lock,    // a lock is taken first, and noted then
  sleeps_with_locks,  // a lock is slept on while others are held, in whatever order they were taken
  unlocked_early,     // the locks are free before the commit
  count
};

#if defined(PORTOLAN_MUTANTS)
inline Planted active_planted = Planted::none;
inline bool planted(Planted which) { return active_planted == which; }
#else
constexpr bool planted(Planted) { return false; }
#endif

}  // namespace portolan
