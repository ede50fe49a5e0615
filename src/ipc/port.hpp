// SPDX-License-Identifier: Apache-2.0
// Ports and the rights to them that no space holds ("naked" rights): made, counted, released, and what
// follows. Locks: the port's; releasing a right may take the lock of a port that is to be notified.
#pragma once

#include "ipc/objects.hpp"

namespace portolan::ipc {

// A new, active port that nobody holds yet: refs 0, no rights. The caller gives it a receiver.
Handle<Port> port_make(Txn& txn);
// A port whose receive right is the kernel's. One reference stands for the kernel object itself.
Handle<Port> kobject_port_make(Txn& txn, uint32_t type, uint32_t object);

void port_reference(Txn& txn, Locked<Port>& port);
// The last reference to a dead port frees it.
void port_release(Txn& txn, Locked<Port>& port);

// Naked rights. Each counts one reference.
void send_right_make(Txn& txn, Locked<Port>& port);       // MAKE_SEND: mscount and srights + 1
void send_right_copy(Txn& txn, Locked<Port>& port);       // srights + 1
void send_once_right_make(Txn& txn, Locked<Port>& port);  // sorights + 1
// Drops one send right; the last one fires an armed no-senders request (ports 8.2). Needs: kDropNeeds.
void send_right_release(Txn& txn, Locked<Port>& port);
// Destroys an unused send-once right: the port is told (ports 8.6). Needs: kDropNeeds.
void send_once_right_release(Txn& txn, Locked<Port>& port);
// A send-once right that was used: counted down, nobody is told.
void send_once_right_consume(Txn& txn, Locked<Port>& port);
// The count alone, for an entry that loses SEND and keeps its reference for RECEIVE.
enum class When { now, after_work };  // after_work: behind what is on the work list already
void send_right_drop_count(Txn& txn, Locked<Port>& port, When when = When::now);
inline constexpr Needs kDropNeeds = Needs{}.with<Kmsg>(1);

// The receive right leaves its space or its message (ports 4.6): sets, make-send count, seqno, context, guard
// and waiting receivers. `moving`: it lives on. One transaction takes it out of a few sets and wakes a few
// receivers; whoever moves a receive right asks port_clear_fits first and, if not, lets port_clear_some do a
// part and starts again.
bool port_clear_fits(Txn& txn, const Locked<Port>& port);
void port_clear_some(Thread& self, Ref<Port> port);
void port_clear_receiver(Txn& txn, Locked<Port>& port, bool moving);
// Nobody waits on it, and it is in no set.
inline bool port_is_clear(const Port& port) { return port.receiver_head == 0 && port.links == 0; }
// What one transaction left of that on a port that came home.
void port_clear_at_home(Thread& self, Handle<Port> port);
// "In transit": where a moved receive right is going. Under the transit lock alone, so that the walk that
// looks for a circle sees a still picture (ports 11). The destination is `dest`; true: circular, and nothing
// was noted.
bool transit_begin(Txn& txn, Locked<Port>& port, Handle<Port> dest);
void transit_end(Txn& txn, Locked<Port>& port);

// The receive right is destroyed. A declared service's goes home; with a port-destroyed request the port lives
// on and travels in the notification; otherwise it starts dying: it is inactive from here on, the rest is done
// on the thread's work list. Consumes the caller's reference that stood for the receive right. Needs:
// kDropNeeds.
void port_destroy(Txn& txn, Locked<Port>& port);
// Would it live on?
inline bool port_survives(const Port& port) { return port.port_destroyed != 0 || port.is(kPortComesHome); }
// One step of a dying port at the head of the work list; false: no memory now.
bool port_reap_step(Thread& self, Handle<Port> port);

// Kernel objects: the object is gone, calls through its port fail; then the port dies. Consumes the kernel's
// reference. `pid`: of the task that the object was, or was of; 0: of none.
void kobject_port_destroy(Txn& txn, Locked<Port>& port, uint32_t pid = 0);

}  // namespace portolan::ipc
