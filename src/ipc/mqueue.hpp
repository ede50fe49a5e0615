// SPDX-License-Identifier: Apache-2.0
// Queues: where messages wait for receivers, receivers for messages, and senders for room (messages 5.5, 6).
// Locks: the port's, then those of its sets. Nobody sleeps in here: waiting is a frame on a list, and
// mach_msg waits.
#pragma once

#include "ipc/objects.hpp"

namespace portolan::ipc {

// Where a posted message's place in the queue's count comes from.
enum class SlotFrom { fresh, promised };

enum class SendVerdict { posted, must_wait, timed_out, no_buffer };

// Puts a message on an active port: hands it to a receiver that waits, or queues it. The message leaves the
// caller's hand. Never fails; the limit was judged before.
void mqueue_post(Txn& txn, Locked<Port>& port, Handle<Kmsg> kmsg, SlotFrom slot);

// A message that was handed to a receiver who did not take it: to the next one that waits, or to the queue's
// head. In the latter case the port's sets are told afterwards.
void mqueue_return(Txn& txn, Locked<Port>& port, Handle<Kmsg> kmsg);

// Judges the queue's room for a user's message and posts it if there is some (messages 5.5, queue space).
SendVerdict mqueue_send(Txn& txn, Locked<Port>& port, Handle<Kmsg> kmsg, bool no_wait);
// Puts the caller's frame on the port's list of blocked senders.
void mqueue_wait_for_room(Txn& txn, Locked<Port>& port);

// What a receiver wants, in the word that is called `option` here: of its options MACH_RCV_LARGE and the
// trailer's elements; and for one that receives by vectors the mark kWantsAux with its room for auxiliary
// data.
inline constexpr uint32_t kWantsAux = 1u << 31;
inline constexpr uint32_t kWantsAuxShift = 8;  // 0 to 1024 bytes

// What a receive finds.
struct Picked {
  Handle<Kmsg> kmsg;       // taken off the queue, its sequence number given; the caller puts it into a hold
  bool too_large = false;  // with kmsg: consumed all the same; without: it stays where it is
  uint32_t needed = 0;     // size of the message that is too large, without trailer
  Name holder;             // receive name of the port that holds it
  bool again = false;      // nothing yet, but more to look at: run another transaction
};
Picked mqueue_take(Txn& txn, Locked<Port>& port, uint32_t room, uint32_t option);
Picked mqueue_take_from_set(Txn& txn, Locked<Pset>& pset, uint32_t room, uint32_t option);
// Puts the caller's frame on the list of receivers of the port or set.
void mqueue_wait_on_port(Txn& txn, Locked<Port>& port, uint32_t room, uint32_t option);
void mqueue_wait_on_set(Txn& txn, Locked<Pset>& pset, uint32_t room, uint32_t option);

// A slot was given back or the limit was raised: promises what room there is to blocked senders, up to
// `most`.
void mqueue_promise_slots(Txn& txn, Locked<Port>& port, unsigned most);

// Takes a frame that still waits off its list. The lock is that of the object it names.
void mqueue_unwait(Txn& txn, Locked<Port>& port, Frame& frame, uint32_t frame_id);
void mqueue_unwait(Txn& txn, Locked<Pset>& pset, Frame& frame, uint32_t frame_id);

// Wakes up to `limit` of the waiting receivers with MACH_RCV_PORT_CHANGED; true when none is left.
// One of them, a frame on the port's list, with any code.
void mqueue_wake_receiver(Txn& txn, Locked<Port>& port, uint32_t id, int32_t result);
bool mqueue_wake_receivers(Txn& txn, Locked<Port>& port, unsigned limit);
bool mqueue_wake_receivers(Txn& txn, Locked<Pset>& pset, unsigned limit);
// The port is dying: blocked senders go on with success, up to `limit` of them; true when none is left.
bool mqueue_release_senders(Txn& txn, Locked<Port>& port, unsigned limit);

// What a post or a change of membership left undone in the port's sets: members marked ready, waiters served.
// In bounded transactions; the caller, or recovery for it, holds a reference as kHoldPortSettle.
void port_settle(Thread& self, Handle<Port> port);
// Notes that this is to be done: right after the transaction, by whoever ran it, or by who recovers it.
void port_settle_later(Txn& txn, Locked<Port>& port);
void settle_ports(Thread& self);  // UpperLayers::after_transaction

inline constexpr unsigned kSetsAtOnce = 8;     // memberships dealt with in one transaction
inline constexpr unsigned kWaitersAtOnce = 6;  // waiters woken in one transaction

}  // namespace portolan::ipc
