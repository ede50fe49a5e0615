// SPDX-License-Identifier: Apache-2.0
// mach_port_request_notification (ports 8). If we die here: the notify right is in its entry, in a hold, or
// registered; so is the previous one on its way back.
#include <mach/mig_errors.h>
#include <mach/notify.h>

#include "ipc/kmsg.hpp"
#include "ipc/mach_port.hpp"
#include "ipc/notify.hpp"

namespace portolan::ipc {

namespace {

constexpr uint32_t kSlotsMax = 131072;

// What a request is about, with the notify right as a naked send-once right in hand, or none to cancel.
struct Ask {
  Target<Space> space;
  Name name;
  mach_msg_id_t id;
  mach_port_mscount_t sync;
  uint32_t notify;  // Port, or kRightNull
  const RightInHand& in_hand;
};

// The notify right leaves our hand: it is registered, or used up by a message.
void registered(Txn& txn, const Ask& ask) {
  if (ask.notify != kRightNull) right_leaves_hand(txn, ask.in_hand);
}

// The replaced right comes into our hand; its kept message is freed.
void hand_back(Txn& txn, Handle<Kmsg> kept, uint32_t notify, uint32_t& previous) {
  txn.release(kept);
  previous = notify;
  txn.hold(kHoldSendOnce, notify);
}

Handle<Kmsg> keep_message(Txn& txn, uint32_t kind, uint32_t notify) {
  const Handle<Kmsg> kept = txn.allocate<Kmsg>();
  Kmsg& kmsg = txn.segment().at(kept);
  kmsg.link.init(0);
  kmsg.work.init(0);
  kmsg.kind.init(kind);
  kmsg.local.init(notify);
  kmsg.remote.init(0);
  kmsg.flags.init(0);
  kmsg.bits.init(0);
  kmsg.body_head.init(0);
  return kept;
}

kern_return_t ask_no_senders(Txn& txn, Locked<Space>& space, const Ask& ask, uint32_t& previous) {
  Entry* entry = nullptr;
  Locked<Port> port;
  const kern_return_t code = lookup_receive(txn, space, ask.name, entry, port);
  if (code != KERN_SUCCESS) return code;
  const Handle<Kmsg> old{port->no_senders};
  if (old) hand_back(txn, old, txn.segment().at(old).local, previous);
  txn.set(port->no_senders, 0);
  if (ask.notify == kRightNull) return KERN_SUCCESS;
  registered(txn, ask);
  if (port->srights == 0 && ask.sync <= port->mscount)
    notify_send(txn, keep_message(txn, kKmsgReserved, 0), Handle<Port>{ask.notify}, MACH_NOTIFY_NO_SENDERS,
                port->mscount);
  else
    txn.set(port->no_senders, keep_message(txn, kKmsgNoSenders, ask.notify).index);
  return KERN_SUCCESS;
}

kern_return_t ask_port_destroyed(Txn& txn, Locked<Space>& space, const Ask& ask) {
  if (ask.sync != 0) return KERN_INVALID_VALUE;
  Entry* entry = nullptr;
  Locked<Port> port;
  const kern_return_t code = lookup_receive(txn, space, ask.name, entry, port);
  if (code != KERN_SUCCESS) return code;
  if (port->kobject_type != 0) return KERN_INVALID_RIGHT;
  if (port_survives(*port)) return KERN_FAILURE;  // a declared service's one request is launchd's
  if (ask.notify == kRightNull) return KERN_SUCCESS;
  registered(txn, ask);
  txn.set(port->port_destroyed, keep_message(txn, kKmsgPortDestroyed, ask.notify).index);
  return KERN_SUCCESS;
}

// The one request of a name, if it is still to fire, is taken back.
void withdraw(Txn& txn, Locked<Port>& port, Entry& entry, uint32_t& previous) {
  const Handle<Request> handle{entry.request};
  if (!handle) return;
  Request& request = txn.segment().at(handle);
  txn.set(entry.request, 0);
  if (request.live()) {
    request_unlink(txn, port, request);
    hand_back(txn, Handle<Kmsg>{request.kmsg}, request.notify, previous);
  }
  txn.release(handle);
}

// Slots of the port's table of requests as Darwin would report them (ports 7.15).
uint32_t slots_for(uint32_t requests) {
  uint32_t slots = 2;
  while (slots < requests + 1) slots += slots < 8 ? 2 : slots / 2 / 4 * 4;
  return slots;
}

void watch(Txn& txn, Locked<Port>& port, Entry& entry, const Ask& ask, uint32_t state) {
  const Handle<Request> handle = txn.allocate<Request>();
  Request& request = txn.segment().at(handle);
  request.link.init(0);
  request.work.init(0);
  request.state.init(state == kRequestArmed ? kRequestDelayed : state);
  request.port.init(port.handle().index);
  request.space.init(ask.space.handle.index);
  request.name.init(ask.name.value);
  request.notify.init(ask.notify);
  request.kmsg.init(keep_message(txn, kKmsgReserved, 0).index);
  request.orphan.init(0);
  registered(txn, ask);
  request_insert(txn, port, handle);
  if (state == kRequestArmed) request_arm(txn, port, handle);
  if (slots_for(port->request_count) > port->request_slots)
    txn.set(port->request_slots, slots_for(port->request_count));
  txn.set(entry.request, handle.index);
}

kern_return_t dead_already(Txn& txn, Entry& entry, const Ask& ask) {
  if (ask.notify == kRightNull) return KERN_SUCCESS;
  if (ask.id == MACH_NOTIFY_DEAD_NAME && ask.sync == 0) return KERN_INVALID_ARGUMENT;
  const uint32_t urefs = entry.urefs;
  if (urefs < kUrefsMax) txn.set(entry.urefs, urefs + 1);
  registered(txn, ask);
  notify_send(txn, keep_message(txn, kKmsgReserved, 0), Handle<Port>{ask.notify}, MACH_NOTIFY_DEAD_NAME,
              ask.name.value);
  return KERN_SUCCESS;
}

kern_return_t ask_about_name(Txn& txn, Locked<Space>& space, const Ask& ask, uint32_t& previous) {
  if (!ask.name.valid()) return KERN_INVALID_ARGUMENT;
  if (space->state != kSpaceActive) return KERN_INVALID_TASK;
  Entry* entry = entry_find(txn, space, ask.name);
  if (entry == nullptr) return KERN_INVALID_NAME;
  if (entry->has(kTypePset)) return ask.notify == kRightNull ? KERN_SUCCESS : KERN_INVALID_RIGHT;
  if (right_check(txn, space, *entry)) return dead_already(txn, *entry, ask);
  Locked<Port> port = txn.lock(Handle<Port>{entry->object});
  if (port->request_count >= kSlotsMax - 1) return KERN_RESOURCE_SHORTAGE;
  withdraw(txn, port, *entry, previous);
  if (ask.notify == kRightNull) return KERN_SUCCESS;
  if (ask.id == MACH_NOTIFY_DEAD_NAME) {
    watch(txn, port, *entry, ask, kRequestDeadName);
    return KERN_SUCCESS;
  }
  const bool sendable = entry->has(kTypeSendOnce) || port->kobject_type != 0 || port->msgcount < port->qlimit;
  if (ask.sync != 0 && sendable) {
    registered(txn, ask);
    notify_send(txn, keep_message(txn, kKmsgReserved, 0), Handle<Port>{ask.notify}, MACH_NOTIFY_SEND_POSSIBLE,
                ask.name.value);
  } else {
    watch(txn, port, *entry, ask, ask.sync != 0 ? kRequestArmed : kRequestDelayed);
  }
  return KERN_SUCCESS;
}

kern_return_t register_it(Thread& self, const Ask& ask, uint32_t& previous) {
  return transact(self, Needs{}.with<Kmsg>(2).with<Request>(1), [&](Txn& txn) -> int {
    previous = kRightNull;
    Locked<Space> space = txn.lock(ask.space);
    switch (ask.id) {
      case MACH_NOTIFY_NO_SENDERS:
        return ask_no_senders(txn, space, ask, previous);
      case MACH_NOTIFY_PORT_DESTROYED:
        return ask_port_destroyed(txn, space, ask);
      default:
        return ask_about_name(txn, space, ask, previous);
    }
  });
}

bool known(mach_msg_id_t id) {
  return id == MACH_NOTIFY_NO_SENDERS || id == MACH_NOTIFY_PORT_DESTROYED || id == MACH_NOTIFY_DEAD_NAME ||
         id == MACH_NOTIFY_SEND_POSSIBLE;
}

}  // namespace

kern_return_t port_request_notification_naked(Thread& self, Target<Space> handle, Name name, mach_msg_id_t id,
                                              mach_port_mscount_t sync, const RightInHand& notify,
                                              uint32_t& previous) {
  previous = kRightNull;
  if (notify.right.port == kRightDead) return KERN_INVALID_CAPABILITY;
  if (!known(id)) return KERN_INVALID_VALUE;
  return register_it(self, Ask{handle, name, id, sync, notify.right.port, notify}, previous);
}

namespace {

// The right of the request that was replaced. KERN_INVALID_CAPABILITY, and MACH_PORT_DEAD, if its port has
// died.
kern_return_t give_back(Thread& self, Handle<Space> to, const NakedRight& right, Name& previous) {
  const kern_return_t given = with_room(self, to, kCopyoutNeeds.with<Kmsg>(1), [&](Txn& txn) -> int {
    Locked<Space> space = txn.lock(to);
    const kern_return_t copied = right_copyout(txn, space, right, previous);
    if (copied == KERN_SUCCESS || copied == KERN_INVALID_CAPABILITY) right_leaves_hand(txn, {right});
    return copied;
  });
  if (given != KERN_SUCCESS && given != KERN_INVALID_CAPABILITY) right_drop(self, right);
  return given;
}

bool is_send_once(mach_msg_type_name_t disposition) {
  return received_disposition(disposition) == MACH_MSG_TYPE_PORT_SEND_ONCE;
}

}  // namespace

kern_return_t port_request_notification(Thread& self, Target<Space> handle, Name name, mach_msg_id_t id,
                                        mach_port_mscount_t sync, Handle<Space> from, Name notify,
                                        mach_msg_type_name_t disposition, Name& previous) {
  previous = Name{};
  if (notify.value == MACH_PORT_DEAD) return KERN_INVALID_CAPABILITY;
  // The direct entry serves the own space and a right that is send-once; what it leaves is a request
  // (ports 6.2).
  const bool direct = handle.handle == from && notify.valid() && is_send_once(disposition);
  NakedRight right;
  kern_return_t code = direct ? right_take(self, from, notify, disposition, right)
                              : right_take_sent(self, from, notify, disposition, right);
  if (code != KERN_SUCCESS) return code;
  if (notify.valid() && !is_send_once(disposition)) {
    right_drop(self, right);
    return MIG_TYPE_ERROR;
  }
  uint32_t old = kRightNull;
  code = port_request_notification_naked(self, handle, name, id, sync, {right}, old);
  if (code != KERN_SUCCESS) {
    right_drop(self, right);
    return code;
  }
  if (old == kRightNull) return KERN_SUCCESS;
  code = give_back(self, from, {old, MACH_MSG_TYPE_PORT_SEND_ONCE}, previous);
  return code == KERN_INVALID_CAPABILITY && !direct ? KERN_SUCCESS : code;
}

}  // namespace portolan::ipc
