// SPDX-License-Identifier: Apache-2.0
// If we die here: every function works inside its caller's transaction. A right is in its entry, or naked in
// what the caller records in that same transaction.
#include "ipc/right.hpp"

#include "ipc/mutant.hpp"
#include "ipc/notify.hpp"
#include "ipc/pset.hpp"

namespace portolan::ipc {

namespace {

void set_type(Txn& txn, Entry& entry, uint32_t type) { txn.set(entry.bits, type | entry.generation()); }

void add_urefs(Txn& txn, Entry& entry, uint32_t more) {
  const uint64_t sum = uint64_t{entry.urefs} + more;
  if (mutant(Mutant::unchecked_urefs)) return txn.set(entry.urefs, static_cast<uint32_t>(sum & 0xffff));
  txn.set(entry.urefs, sum >= kUrefsMax ? kUrefsMax : static_cast<uint32_t>(sum));
}

// The entry stops referring to its port, which keeps its references: a dead name is left (ports 10.1).
void become_dead_name(Txn& txn, Entry& entry, const Port& port, uint32_t extra) {
  add_urefs(txn, entry, extra);
  set_type(txn, entry, kTypeDead);
  txn.set(entry.object, port.kobject_type << 24 | (port.receiver_name & 0xffffff));
}

// The last user reference of SEND goes. The naked right is not the entry's any more: the caller counts it
// down, or keeps it. `reference`: set when the entry's reference on the port goes with it. The name goes too
// unless it has RECEIVE.
void detach_send(Txn& txn, Locked<Space>& space, Entry& entry, Locked<Port>& port, bool& reference) {
  reference = !entry.has(kTypeReceive);
  note_cleared(txn, entry);
  if (!reference) {
    set_type(txn, entry, kTypeReceive);
    txn.set(entry.urefs, 0);
    return;
  }
  hash_remove(txn, space, entry);
  request_deleted(txn, port, entry);
  entry_free(txn, space, entry);
}

void drop_last_send(Txn& txn, Locked<Space>& space, Entry& entry, Locked<Port>& port) {
  // The message about missing senders comes before the one about the name (ports 7.5).
  send_right_drop_count(txn, port);
  bool reference = false;
  detach_send(txn, space, entry, port, reference);
  if (reference) port_release(txn, port);
}

// Subtracts user references of a live send right or a dead name (ports 4.3); the caller has checked the
// range. True when none is left.
bool subtract_urefs(Txn& txn, Entry& entry, uint32_t less) {
  const uint32_t urefs = entry.urefs;
  if (urefs == kUrefsMax && less != kUrefsMax) return false;
  note_released(txn, entry, less);
  if (urefs == less) return true;
  txn.set(entry.urefs, urefs - less);
  return false;
}

void destroy_send_once(Txn& txn, Locked<Space>& space, Entry& entry, Locked<Port>& port) {
  notify_send_once(txn, port.handle());
  request_deleted(txn, port, entry);
  entry_free(txn, space, entry);
}

// The entry and everything it holds on a live port goes; the receive right's end is put on the work list
// first, for its effects come before the other messages (ports 7.5).
void destroy_receive(Txn& txn, Locked<Space>& space, Entry& entry, Locked<Port>& port) {
  const bool send = entry.has(kTypeSend);
  Handle<Kmsg> last_sender;
  if (send && port->srights == 1) {
    last_sender = Handle<Kmsg>{port->no_senders};
    if (last_sender) txn.set(port->no_senders, 0);
  }
  const uint32_t mscount = port->mscount;
  const Handle<Request> request{entry.request};
  const bool live = request && txn.segment().at(request).live();
  if (live) request_unlink(txn, port, txn.segment().at(request));
  port_destroy(txn, port);
  if (send) txn.add(port->srights, static_cast<uint32_t>(-1));
  if (last_sender)
    notify_send_later(txn, last_sender, Handle<Port>{txn.segment().at(last_sender).local},
                      MACH_NOTIFY_NO_SENDERS, mscount);
  if (live) {
    Request& gone = txn.segment().at(request);
    notify_send_later(txn, Handle<Kmsg>{gone.kmsg}, Handle<Port>{gone.notify}, MACH_NOTIFY_PORT_DELETED,
                      gone.name);
  }
  if (request) txn.release(request);
  txn.set(entry.request, 0);
  entry_free(txn, space, entry);
}

Locked<Port> port_of(Txn& txn, const Entry& entry) { return txn.lock(Handle<Port>{entry.object}); }
Locked<Pset> pset_of(Txn& txn, const Entry& entry) { return txn.lock(Handle<Pset>{entry.object}); }

void destroy_set(Txn& txn, Locked<Space>& space, Entry& entry) {
  Locked<Pset> pset = pset_of(txn, entry);
  pset_destroy(txn, pset);
  entry_free(txn, space, entry);
}

bool delta_in_range(mach_port_delta_t delta) {
  return delta >= -static_cast<mach_port_delta_t>(kUrefsMax) &&
         delta <= static_cast<mach_port_delta_t>(kUrefsMax);
}

}  // namespace

bool right_check(Txn& txn, Locked<Space>& space, Entry& entry) {
  if (entry.has(kTypeDead)) return true;
  if (entry.has(kTypeReceive | kTypePset)) return false;
  Locked<Port> port = port_of(txn, entry);
  if (port->active()) return false;
  const uint32_t extra = request_dead(txn, port, entry);
  if (entry.has(kTypeSend)) {
    hash_remove(txn, space, entry);
    txn.add(port->srights, static_cast<uint32_t>(-1));
  } else {
    txn.add(port->sorights, static_cast<uint32_t>(-1));
  }
  become_dead_name(txn, entry, *port, mutant(Mutant::no_extra_uref) ? 0 : extra);
  port_release(txn, port);
  return true;
}

kern_return_t right_copyin(Txn& txn, Locked<Space>& space, Entry& entry, uint32_t disposition,
                           NakedRight& out) {
  out = {kRightNull, received_disposition(disposition)};
  if (out.disposition == 0 || entry.has(kTypePset)) return KERN_INVALID_RIGHT;
  const bool makes = disposition == MACH_MSG_TYPE_MAKE_SEND || disposition == MACH_MSG_TYPE_MAKE_SEND_ONCE ||
                     disposition == MACH_MSG_TYPE_MOVE_RECEIVE;
  if (makes) {
    if (!entry.has(kTypeReceive)) return KERN_INVALID_RIGHT;
    Locked<Port> port = port_of(txn, entry);
    if (disposition == MACH_MSG_TYPE_MOVE_RECEIVE) {
      if (port->kobject_type != 0 || port->is(kPortImmovable)) return KERN_INVALID_CAPABILITY;
      out.port = port.handle().index;
      if (!port_clear_fits(txn, port)) return kPortBusy;
      if (entry.has(kTypeSend)) {
        port_reference(txn, port);
        set_type(txn, entry, kTypeSend);
        hash_insert(txn, space, entry);
      } else {
        request_deleted(txn, port, entry);
        entry_free(txn, space, entry);
      }
      port_clear_receiver(txn, port, true);
      txn.set(port->state, port->state | kPortInTransit);
    } else if (disposition == MACH_MSG_TYPE_MAKE_SEND) {
      send_right_make(txn, port);
      if (mutant(Mutant::wrong_mscount) && port->mscount == 2) txn.set(port->mscount, 1);
    } else {
      send_once_right_make(txn, port);
    }
    out.port = port.handle().index;
    return KERN_SUCCESS;
  }
  if (right_check(txn, space, entry)) {
    out.port = kRightDead;
    if (disposition != MACH_MSG_TYPE_COPY_SEND && subtract_urefs(txn, entry, 1))
      entry_free(txn, space, entry);
    return KERN_SUCCESS;
  }
  const uint32_t wanted = disposition == MACH_MSG_TYPE_MOVE_SEND_ONCE ? kTypeSendOnce : kTypeSend;
  if (!entry.has(wanted)) return KERN_INVALID_RIGHT;
  Locked<Port> port = port_of(txn, entry);
  out.port = port.handle().index;
  if (disposition == MACH_MSG_TYPE_COPY_SEND) {
    send_right_copy(txn, port);
  } else if (disposition == MACH_MSG_TYPE_MOVE_SEND_ONCE) {
    request_deleted(txn, port, entry);
    entry_free(txn, space, entry);  // its right and its reference travel on
  } else if (subtract_urefs(txn, entry, 1)) {
    bool reference = false;
    detach_send(txn, space, entry, port, reference);
    if (!reference) port_reference(txn, port);
  } else {
    send_right_copy(txn, port);
  }
  return KERN_SUCCESS;
}

namespace {

// The entry that this space has for the port already (ports 4.2).
Entry* find_by_port(Txn& txn, Locked<Space>& space, Locked<Port>& port, Name& name) {
  if (port->receiver == space.handle().index && !port->is(kPortInTransit) && port->kobject_type == 0) {
    name = Name{port->receiver_name};
    return &entry_at(txn.segment(), space.handle(), name.index());
  }
  return hash_find(txn, space, port.handle(), name);
}

void join_send(Txn& txn, Locked<Space>& space, Locked<Port>& port, Entry& entry) {
  if (entry.has(kTypeSend)) {
    txn.add(port->srights, static_cast<uint32_t>(-1));
    port_release(txn, port);
    add_urefs(txn, entry, mutant(Mutant::lost_uref) ? 0 : 1);
  } else if (entry.has(kTypeReceive)) {
    port_release(txn, port);  // the entry counts one for both
    set_type(txn, entry, kTypeReceive | kTypeSend);
    txn.set(entry.urefs, 1);
  } else {
    set_type(txn, entry, kTypeSend);
    txn.set(entry.object, port.handle().index);
    txn.set(entry.urefs, 1);
    hash_insert(txn, space, entry);
  }
}

void join_receive(Txn& txn, Locked<Space>& space, Locked<Port>& port, Entry& entry, Name name) {
  transit_end(txn, port);
  if (entry.has(kTypeSend)) {
    hash_remove(txn, space, entry);
    set_type(txn, entry, kTypeSend | kTypeReceive);
    port_release(txn, port);
  } else {
    set_type(txn, entry, kTypeReceive);
    txn.set(entry.object, port.handle().index);
  }
  txn.set(port->receiver, space.handle().index);
  txn.set(port->receiver_name, name.value);
}

void join_send_once(Txn& txn, Locked<Port>& port, Entry& entry) {
  set_type(txn, entry, kTypeSendOnce);
  txn.set(entry.object, port.handle().index);
  txn.set(entry.urefs, 1);
}

void join(Txn& txn, Locked<Space>& space, Locked<Port>& port, NakedRight right, Entry& entry, Name name) {
  if (right.disposition == MACH_MSG_TYPE_PORT_SEND)
    join_send(txn, space, port, entry);
  else if (right.disposition == MACH_MSG_TYPE_PORT_RECEIVE)
    join_receive(txn, space, port, entry, name);
  else
    join_send_once(txn, port, entry);
  note_acquired(txn, entry, 1);
}

}  // namespace

kern_return_t right_copyout(Txn& txn, Locked<Space>& space, NakedRight right, Name& name) {
  name = Name{};
  if (space->state != kSpaceActive) return KERN_INVALID_TASK;
  if (!space_has_room(space, 1)) return KERN_NO_SPACE;
  Locked<Port> port = txn.lock(Handle<Port>{right.port});
  if (!port->active()) {
    naked_destroy(txn, right);
    name = Name{MACH_PORT_DEAD};
    return KERN_INVALID_CAPABILITY;
  }
  Entry* entry = nullptr;
  if (right.disposition != MACH_MSG_TYPE_PORT_SEND_ONCE) entry = find_by_port(txn, space, port, name);
  if (entry == nullptr && !entry_alloc(txn, space, name, entry)) return KERN_NO_SPACE;
  join(txn, space, port, right, *entry, name);
  return KERN_SUCCESS;
}

kern_return_t right_copyout_name(Txn& txn, Locked<Space>& space, NakedRight right, Name name, Entry& entry) {
  Locked<Port> port = txn.lock(Handle<Port>{right.port});
  if (!port->active()) return KERN_INVALID_CAPABILITY;
  const bool coalesces = right.disposition != MACH_MSG_TYPE_PORT_SEND_ONCE;
  Name present;
  Entry* existing = coalesces ? find_by_port(txn, space, port, present) : nullptr;
  if (existing != nullptr && existing != &entry) return KERN_RIGHT_EXISTS;
  if (entry.type() != 0 && existing != &entry) return KERN_NAME_EXISTS;
  join(txn, space, port, right, entry, name);
  return KERN_SUCCESS;
}

kern_return_t right_again(Txn& txn, Locked<Space>& space, Entry& entry, uint32_t disposition) {
  if (entry.has(kTypePset)) return KERN_INVALID_RIGHT;
  if (right_check(txn, space, entry)) return KERN_INVALID_CAPABILITY;
  const bool makes = disposition == MACH_MSG_TYPE_MAKE_SEND;
  if (!entry.has(makes ? kTypeReceive : kTypeSend)) return KERN_INVALID_RIGHT;
  Locked<Port> port = port_of(txn, entry);
  if (makes) txn.add(port->mscount, 1);
  if (entry.has(kTypeSend)) {
    add_urefs(txn, entry, 1);
  } else {
    txn.add(port->srights, 1);  // the entry counts one reference for both
    set_type(txn, entry, kTypeReceive | kTypeSend);
    txn.set(entry.urefs, 1);
  }
  note_acquired(txn, entry, 1);
  return KERN_SUCCESS;
}

void naked_destroy(Txn& txn, NakedRight right) {
  if (right.port == kRightNull || right.port == kRightDead) return;
  Locked<Port> port = txn.lock(Handle<Port>{right.port});
  switch (right.disposition) {
    case MACH_MSG_TYPE_PORT_SEND:
      send_right_release(txn, port);
      break;
    case MACH_MSG_TYPE_PORT_SEND_ONCE:
      send_once_right_release(txn, port);
      break;
    case MACH_MSG_TYPE_PORT_RECEIVE:
      transit_end(txn, port);
      port_destroy(txn, port);
      break;
    default:
      break;
  }
}

kern_return_t right_dealloc(Txn& txn, Locked<Space>& space, Name name, Entry& entry) {
  (void)name;
  if (entry.has(kTypePset)) {
    destroy_set(txn, space, entry);
    return KERN_SUCCESS;
  }
  if (right_check(txn, space, entry)) {
    if (subtract_urefs(txn, entry, 1)) entry_free(txn, space, entry);
    return KERN_SUCCESS;
  }
  Locked<Port> port = port_of(txn, entry);
  if (entry.has(kTypeSendOnce)) {
    destroy_send_once(txn, space, entry, port);
    return KERN_SUCCESS;
  }
  if (!entry.has(kTypeSend)) return KERN_INVALID_RIGHT;
  if (subtract_urefs(txn, entry, 1)) drop_last_send(txn, space, entry, port);
  return KERN_SUCCESS;
}

kern_return_t right_destroy(Txn& txn, Locked<Space>& space, Name name, Entry& entry) {
  (void)name;
  if (!entry.has(kTypePset | kTypeDead)) {
    Locked<Port> port = port_of(txn, entry);
    if (entry.has(kTypeReceive) && port->is(kPortGuarded) && port->context != 0) return KERN_INVALID_RIGHT;
  }
  right_terminate(txn, space, entry);
  return KERN_SUCCESS;
}

void right_terminate(Txn& txn, Locked<Space>& space, Entry& entry) {
  if (entry.has(kTypePset)) {
    destroy_set(txn, space, entry);
  } else if (right_check(txn, space, entry)) {
    entry_free(txn, space, entry);
  } else {
    Locked<Port> port = port_of(txn, entry);
    if (entry.has(kTypeReceive))
      destroy_receive(txn, space, entry, port);
    else if (entry.has(kTypeSendOnce))
      destroy_send_once(txn, space, entry, port);
    else
      drop_last_send(txn, space, entry, port);
  }
}

// The receive right of a name that also has SEND goes: what is left under the name (ports 7.8).
static void leave_after_receive(Txn& txn, Locked<Space>& space, Entry& entry, Locked<Port>& port) {
  if (port_survives(*port)) {
    port_reference(txn, port);
    set_type(txn, entry, kTypeSend);
    hash_insert(txn, space, entry);
    port_destroy(txn, port);
    return;
  }
  const uint32_t extra = entry.request != 0 ? 1 : 0;
  request_dead(txn, port, entry);
  port_destroy(txn, port);
  txn.add(port->srights, static_cast<uint32_t>(-1));
  become_dead_name(txn, entry, *port, extra);
}

static kern_return_t delta_receive(Txn& txn, Locked<Space>& space, Entry& entry, mach_port_delta_t delta) {
  if (!entry.has(kTypeReceive)) return KERN_INVALID_RIGHT;
  if (delta == 0) return KERN_SUCCESS;
  if (delta != -1) return KERN_INVALID_VALUE;
  Locked<Port> port = port_of(txn, entry);
  if (port->is(kPortGuarded)) return KERN_INVALID_RIGHT;
  if (entry.has(kTypeSend))
    leave_after_receive(txn, space, entry, port);
  else
    destroy_receive(txn, space, entry, port);
  return KERN_SUCCESS;
}

static kern_return_t delta_send(Txn& txn, Locked<Space>& space, Entry& entry, mach_port_delta_t delta) {
  if (!entry.has(kTypeSend) || right_check(txn, space, entry)) return KERN_INVALID_RIGHT;
  if (!delta_in_range(delta)) return KERN_INVALID_VALUE;
  if (delta >= 0) {
    add_urefs(txn, entry, static_cast<uint32_t>(delta));
    if (delta > 0) note_acquired(txn, entry, static_cast<uint32_t>(delta));
    return KERN_SUCCESS;
  }
  const auto less = static_cast<uint32_t>(-delta);
  if (less > entry.urefs) return KERN_INVALID_VALUE;
  Locked<Port> port = port_of(txn, entry);
  if (subtract_urefs(txn, entry, less)) drop_last_send(txn, space, entry, port);
  return KERN_SUCCESS;
}

static kern_return_t delta_dead(Txn& txn, Locked<Space>& space, Entry& entry, mach_port_delta_t delta) {
  if (!right_check(txn, space, entry)) return KERN_INVALID_RIGHT;
  if (!delta_in_range(delta)) return KERN_INVALID_VALUE;
  if (delta >= 0) {
    add_urefs(txn, entry, static_cast<uint32_t>(delta));
    if (delta > 0) note_acquired(txn, entry, static_cast<uint32_t>(delta));
    return KERN_SUCCESS;
  }
  const auto less = static_cast<uint32_t>(-delta);
  if (less > entry.urefs) return KERN_INVALID_VALUE;
  if (subtract_urefs(txn, entry, less)) entry_free(txn, space, entry);
  return KERN_SUCCESS;
}

kern_return_t right_delta(Txn& txn, Locked<Space>& space, Name name, Entry& entry, mach_port_right_t right,
                          mach_port_delta_t delta) {
  (void)name;
  switch (right) {
    case MACH_PORT_RIGHT_SEND:
      return delta_send(txn, space, entry, delta);
    case MACH_PORT_RIGHT_RECEIVE:
      return delta_receive(txn, space, entry, delta);
    case MACH_PORT_RIGHT_DEAD_NAME:
      return delta_dead(txn, space, entry, delta);
    case MACH_PORT_RIGHT_SEND_ONCE: {
      if (!entry.has(kTypeSendOnce) || right_check(txn, space, entry)) return KERN_INVALID_RIGHT;
      if (delta == 0) return KERN_SUCCESS;
      if (delta != -1) return KERN_INVALID_VALUE;
      Locked<Port> port = port_of(txn, entry);
      destroy_send_once(txn, space, entry, port);
      return KERN_SUCCESS;
    }
    case MACH_PORT_RIGHT_PORT_SET:
      if (!entry.has(kTypePset)) return KERN_INVALID_RIGHT;
      if (delta == 0) return KERN_SUCCESS;
      if (delta != -1) return KERN_INVALID_VALUE;
      destroy_set(txn, space, entry);
      return KERN_SUCCESS;
    default:
      return KERN_INVALID_RIGHT;
  }
}

kern_return_t right_destruct(Txn& txn, Locked<Space>& space, Name name, Entry& entry,
                             mach_port_delta_t srdelta, uint64_t guard) {
  (void)name;
  if (!entry.has(kTypeReceive)) return KERN_INVALID_RIGHT;
  if (srdelta != 0 && !entry.has(kTypeSend)) return KERN_INVALID_RIGHT;
  if (srdelta > 0) return KERN_INVALID_VALUE;
  Locked<Port> port = port_of(txn, entry);
  if (port->is(kPortGuarded) && port->context != guard) return KERN_INVALID_ARGUMENT;
  if (srdelta != 0) {
    const auto less = static_cast<uint32_t>(-static_cast<int64_t>(srdelta));
    if (less > entry.urefs) return KERN_INVALID_VALUE;
    if (subtract_urefs(txn, entry, less)) {
      send_right_drop_count(txn, port);
      set_type(txn, entry, kTypeReceive);
      txn.set(entry.urefs, 0);
    }
  }
  if (entry.has(kTypeSend))
    leave_after_receive(txn, space, entry, port);
  else
    destroy_receive(txn, space, entry, port);
  return KERN_SUCCESS;
}

}  // namespace portolan::ipc
