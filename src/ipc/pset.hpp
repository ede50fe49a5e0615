// SPDX-License-Identifier: Apache-2.0
// Port sets: membership, and the ring of members that have messages (messages 6.2, 6.3).
// Locks: a membership is made and unmade under the port's lock and the set's; the ring belongs to the set's.
#pragma once

#include "ipc/objects.hpp"

namespace portolan::ipc {

Handle<Pset> pset_make(Txn& txn, Handle<Space> space, Name name);
void pset_release(Txn& txn, Locked<Pset>& pset);
// The set is destroyed (ports 10.4); consumes the reference of its entry. Members are let go on the work
// list.
void pset_destroy(Txn& txn, Locked<Pset>& pset);
// One step; false: no memory now.
bool pset_reap_step(Thread& self, Handle<Pset> pset);

Handle<Link> link_find(Txn& txn, Locked<Port>& port, Handle<Pset> pset);
// Needs: Link. Marks the member ready if it has messages; the caller then serves waiting receivers
// (port_settle).
Handle<Link> link_make(Txn& txn, Locked<Port>& port, Locked<Pset>& pset);
void link_remove(Txn& txn, Locked<Port>& port, Locked<Pset>& pset, Handle<Link> link);
// Takes a port out of up to `limit` sets; true when it is in none any more.
bool links_remove(Txn& txn, Locked<Port>& port, unsigned limit);

// Something was queued on the member.
void link_make_ready(Txn& txn, Locked<Pset>& pset, Handle<Link> link);
// One that is ready has had its turn: to the tail.
void link_rotate(Txn& txn, Locked<Pset>& pset, Handle<Link> link);
void link_unready(Txn& txn, Locked<Pset>& pset, Handle<Link> link);

}  // namespace portolan::ipc
