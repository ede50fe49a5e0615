// SPDX-License-Identifier: Apache-2.0
// Notifications (ports 8): messages that the kernel sends. Each is sent inside the transaction that causes
// it, from memory that was kept for it or is in the transaction's Needs, so that it is either owed or sent,
// never in between. They ignore queue limits up to the hard ceiling; beyond it, or to a dead port, they are
// dropped with their right.
#pragma once

#include "ipc/objects.hpp"

namespace portolan::ipc {

// The NDR record of a little-endian machine, as bodies that the kernel writes begin with (ports 8.7).
inline constexpr uint8_t kNdr[8] = {0, 0, 0, 0, 1, 0, 0, 0};

// Sends `id` to the port of a naked send-once right, which is consumed, in the kept message `kmsg`, which is
// used up. `value` is not_port or not_count where the id has a body.
void notify_send(Txn& txn, Handle<Kmsg> kmsg, Handle<Port> notify, mach_msg_id_t id, uint32_t value);

// The same, sent behind what is on the thread's work list already: where the order of messages asks for it.
void notify_send_later(Txn& txn, Handle<Kmsg> kmsg, Handle<Port> notify, mach_msg_id_t id, uint32_t value);
void notify_send_deferred(Txn& txn, Handle<Kmsg> kmsg);  // its turn has come

// The same without kept memory: takes the message from the transaction's Needs.
void notify_send_once(Txn& txn, Handle<Port> notify);

// Drops a kept message and its send-once right with the notification that the right's destruction causes.
void notify_cancel(Txn& txn, Handle<Kmsg> kmsg, Handle<Port> notify);

// -- dead-name and send-possible requests, kept on the watched port's list
void request_insert(Txn& txn, Locked<Port>& port, Handle<Request> request);
// A send-possible request will fire at the next receive: it goes to the front of the list, where those that
// fire are.
void request_arm(Txn& txn, Locked<Port>& port, Handle<Request> request);
// Takes a request off its port's list.
void request_unlink(Txn& txn, Locked<Port>& port, Request& request);
// The entry loses its right other than by the port's death: PORT_DELETED if the request is live; the shell is
// freed.
void request_deleted(Txn& txn, Locked<Port>& port, Entry& entry, bool later = false);
// The entry's port has died: user references that the dead name gets on top; detaches the request from the
// entry.
uint32_t request_dead(Txn& txn, Locked<Port>& port, Entry& entry);
// Fires up to `limit` requests of a dying port with DEAD_NAME; true when none is left.
bool requests_fire_dead(Txn& txn, Locked<Port>& port, unsigned limit);
// Fires up to `limit` armed send-possible requests; true when none is left armed.
bool requests_fire_possible(Txn& txn, Locked<Port>& port, unsigned limit);

}  // namespace portolan::ipc
