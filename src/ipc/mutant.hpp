// SPDX-License-Identifier: Apache-2.0
// Kernels that are wrong on purpose, to see that the tests notice. Only a build with PORTOLAN_MUTANTS has
// them (the test program `random`); everywhere else `mutant` is false at compile time and nothing of them is
// left.
#pragma once

namespace portolan::ipc {

enum class Mutant : unsigned {
  none,
  lost_uref,             // a send right that joins its entry adds no user reference (ports 5.2)
  missed_no_senders,     // the last send right goes unnoticed (ports 8.2)
  wrong_disposition,     // a received send-once reply right is called a send right (messages 6.5)
  wrong_mscount,         // a second make-send is not counted (ports 4.4)
  missed_dead_name,      // requests of every fourth slot do not tell of the death (ports 8.3)
  lost_order,            // the third message of a queue overtakes the second (messages 5.5)
  unchecked_urefs,       // user references wrap instead of staying at their maximum (ports 4.3)
  same_generation,       // a slot is used again under its old name (ports 2.2)
  skipped_seqno,         // every eighth message takes two sequence numbers (messages 6.7)
  port_destroyed_keeps,  // a port saved by a port-destroyed request keeps its make-send count (ports 4.6)
  no_extra_uref,         // a dead name gets no reference for its fired request (ports 8.3)
  count
};

#if defined(PORTOLAN_MUTANTS)
inline Mutant active_mutant = Mutant::none;
inline bool mutant(Mutant which) { return active_mutant == which; }
#else
constexpr bool mutant(Mutant) { return false; }
#endif

}  // namespace portolan::ipc
