// SPDX-License-Identifier: Apache-2.0
// Making, moving and dropping rights. If we die here: each call is one transaction, or a right in a hold
// between two.
#include "ipc/mach_port.hpp"

#include "ipc/kmsg.hpp"
#include "ipc/pset.hpp"

namespace portolan::ipc {

namespace {

constexpr Needs kMakeNeeds = Needs{}.with<Port>(1).with<Pset>(1).with<Acquisition>(1);

// Fills a fresh entry with what `right` asks for.
void make_right(Txn& txn, Locked<Space>& space, mach_port_right_t right, Name name, Entry& entry) {
  if (right == MACH_PORT_RIGHT_DEAD_NAME) {
    txn.set(entry.bits, kTypeDead | entry.generation());
    txn.set(entry.object, 0);
    txn.set(entry.urefs, 1);
  } else if (right == MACH_PORT_RIGHT_PORT_SET) {
    txn.set(entry.object, pset_make(txn, space.handle(), name).index);
    txn.set(entry.bits, kTypePset | entry.generation());
  } else {
    const Handle<Port> handle = port_make(txn);
    Port& port = txn.segment().at(handle);
    port.refs.init(1);
    port.receiver.init(space.handle().index);
    port.receiver_name.init(name.value);
    txn.set(entry.object, handle.index);
    txn.set(entry.bits, kTypeReceive | entry.generation());
  }
  note_acquired(txn, entry, 1);
}

bool can_allocate(mach_port_right_t right) {
  return right == MACH_PORT_RIGHT_RECEIVE || right == MACH_PORT_RIGHT_PORT_SET ||
         right == MACH_PORT_RIGHT_DEAD_NAME;
}

// Runs an operation on the entry that a name denotes.
template <class Body>
kern_return_t on_entry(Thread& self, Target<Space> handle, Name name, Needs needs, Body&& body) {
  return transact(self, needs, [&](Txn& txn) -> int {
    Locked<Space> space = txn.lock(handle);
    if (space->state != kSpaceActive) return KERN_INVALID_TASK;
    Entry* entry = entry_find(txn, space, name);
    if (entry == nullptr) return KERN_INVALID_NAME;
    return body(txn, space, *entry);
  });
}

}  // namespace

kern_return_t lookup_receive(Txn& txn, Locked<Space>& space, Name name, Entry*& entry, Locked<Port>& port) {
  if (space->state != kSpaceActive) return KERN_INVALID_TASK;
  if (!name.valid()) return KERN_INVALID_RIGHT;
  entry = entry_find(txn, space, name);
  if (entry == nullptr) return KERN_INVALID_NAME;
  if (!entry->has(kTypePset) && right_check(txn, space, *entry)) return KERN_INVALID_NAME;
  if (!entry->has(kTypeReceive)) return KERN_INVALID_RIGHT;
  port = txn.lock(Handle<Port>{entry->object});
  return KERN_SUCCESS;
}

kern_return_t port_allocate(Thread& self, Target<Space> handle, mach_port_right_t right, Name& name) {
  if (!can_allocate(right)) return KERN_INVALID_VALUE;
  return with_room(self, handle, kMakeNeeds, [&](Txn& txn) -> int {
    Locked<Space> space = txn.lock(handle);
    if (space->state != kSpaceActive) return KERN_INVALID_TASK;
    Entry* entry = nullptr;
    if (!space_has_room(space, 1) || !entry_alloc(txn, space, name, entry)) return KERN_NO_SPACE;
    make_right(txn, space, right, name, *entry);
    return KERN_SUCCESS;
  });
}

kern_return_t port_allocate_name(Thread& self, Target<Space> handle, mach_port_right_t right, Name& name) {
  if (!name.valid()) return KERN_INVALID_VALUE;
  if (!can_allocate(right)) return KERN_INVALID_VALUE;
  if (right == MACH_PORT_RIGHT_DEAD_NAME) return port_allocate(self, handle, right, name);
  if (name.index() > self.segment().at(handle.handle).table_limit) return KERN_NO_SPACE;
  if ((name.value & 3) != 3) return KERN_INVALID_VALUE;
  if (name.index() == 0) return KERN_FAILURE;
  const kern_return_t grown = space_grow_to(self, handle, name.index());
  if (grown != KERN_SUCCESS) return grown;
  return transact(self, kMakeNeeds, [&](Txn& txn) -> int {
    Locked<Space> space = txn.lock(handle);
    if (space->state != kSpaceActive) return KERN_INVALID_TASK;
    Entry* entry = nullptr;
    const kern_return_t code = entry_alloc_name(txn, space, name, entry);
    if (code != KERN_SUCCESS) return code;
    if (entry->type() != 0) return KERN_NAME_EXISTS;
    make_right(txn, space, right, name, *entry);
    return KERN_SUCCESS;
  });
}

kern_return_t port_allocate_full(Thread& self, Target<Space> space, mach_port_right_t right,
                                 mach_port_qos_t& qos, Name& name) {
  if (qos.name && !name.valid()) return KERN_INVALID_VALUE;
  if (qos.prealloc) {
    if (qos.len > MACH_MSG_SIZE_MAX - MAX_TRAILER_SIZE) return KERN_RESOURCE_SHORTAGE;
    if (right != MACH_PORT_RIGHT_RECEIVE) return KERN_INVALID_VALUE;
    qos.prealloc = 0;
  }
  return qos.name ? port_allocate_name(self, space, right, name) : port_allocate(self, space, right, name);
}

kern_return_t port_construct(Thread& self, Target<Space> handle, const mach_port_options_t& options,
                             uint64_t context, Name& name) {
  const uint32_t flags = options.flags;
  constexpr uint32_t kKinds = MPO_SERVICE_PORT | MPO_CONNECTION_PORT | MPO_TG_BLOCK_TRACKING;
  constexpr uint32_t kReplies =
      MPO_REPLY_PORT | MPO_ENFORCE_REPLY_PORT_SEMANTICS | MPO_PROVISIONAL_REPLY_PORT | MPO_EXCEPTION_PORT;
  if (__builtin_popcount(flags & kKinds) > 1 || __builtin_popcount(flags & kReplies) > 1)
    return KERN_INVALID_ARGUMENT;
  if ((flags & (MPO_TG_BLOCK_TRACKING | MPO_SERVICE_PORT)) != 0) return KERN_DENIED;
  if ((flags & MPO_CONNECTION_PORT) != 0 && options.service_port_name == 0) return KERN_INVALID_ARGUMENT;
  const bool limited = (flags & MPO_QLIMIT) != 0;
  if (limited && options.mpl.mpl_qlimit > MACH_PORT_QLIMIT_MAX) return KERN_INVALID_VALUE;
  return with_room(self, handle, kMakeNeeds, [&](Txn& txn) -> int {
    Locked<Space> space = txn.lock(handle);
    if (space->state != kSpaceActive) return KERN_INVALID_TASK;
    Entry* entry = nullptr;
    if (!space_has_room(space, 1) || !entry_alloc(txn, space, name, entry)) return KERN_NO_SPACE;
    make_right(txn, space, MACH_PORT_RIGHT_RECEIVE, name, *entry);
    Locked<Port> port = txn.lock(Handle<Port>{entry->object});
    txn.set(port->context, context);
    if (limited) txn.set(port->qlimit, options.mpl.mpl_qlimit);
    uint32_t state = port->state;
    if ((flags & MPO_CONTEXT_AS_GUARD) != 0) {
      state |= kPortGuarded;
      if ((flags & MPO_STRICT) != 0) state |= kPortStrict;
      if ((flags & MPO_IMMOVABLE_RECEIVE) != 0) state |= kPortImmovable;
    }
    if ((flags & (MPO_IMPORTANCE_RECEIVER | MPO_DENAP_RECEIVER)) != 0) state |= kPortImpDonation;
    if ((flags & MPO_TEMPOWNER) != 0) state |= kPortImpDonation | kPortTempOwner;
    txn.set(port->state, state);
    if ((flags & MPO_INSERT_SEND_RIGHT) != 0) {
      txn.set(port->srights, 1);
      txn.set(port->mscount, 1);
      txn.set(entry->urefs, 1);
      txn.set(entry->bits, entry->bits | kTypeSend);
    }
    return KERN_SUCCESS;
  });
}

kern_return_t port_destruct(Thread& self, Target<Space> space, Name name, mach_port_delta_t srdelta,
                            uint64_t guard) {
  if (!name.valid()) return KERN_INVALID_NAME;
  return on_entry(self, space, name, kRightNeeds, [&](Txn& txn, Locked<Space>& locked, Entry& entry) -> int {
    return right_destruct(txn, locked, name, entry, srdelta, guard);
  });
}

kern_return_t port_deallocate(Thread& self, Target<Space> space, Name name) {
  if (!name.valid()) return KERN_SUCCESS;
  return on_entry(self, space, name, kRightNeeds, [&](Txn& txn, Locked<Space>& locked, Entry& entry) -> int {
    return right_dealloc(txn, locked, name, entry);
  });
}

kern_return_t port_destroy_name(Thread& self, Target<Space> space, Name name) {
  if (!name.valid()) return KERN_SUCCESS;
  return on_entry(self, space, name, kRightNeeds, [&](Txn& txn, Locked<Space>& locked, Entry& entry) -> int {
    return right_destroy(txn, locked, name, entry);
  });
}

kern_return_t port_mod_refs(Thread& self, Target<Space> space, Name name, mach_port_right_t right,
                            mach_port_delta_t delta) {
  if (right >= MACH_PORT_RIGHT_NUMBER) return KERN_INVALID_VALUE;
  if (!name.valid()) {
    const bool ignored = right == MACH_PORT_RIGHT_SEND || right == MACH_PORT_RIGHT_SEND_ONCE;
    return ignored ? KERN_SUCCESS : KERN_INVALID_NAME;
  }
  return on_entry(self, space, name, kRightNeeds, [&](Txn& txn, Locked<Space>& locked, Entry& entry) -> int {
    return right_delta(txn, locked, name, entry, right, delta);
  });
}

namespace {

// The hold of a right in hand: of the kind that destroys it.
uint32_t hold_kind(uint32_t disposition) {
  return disposition == MACH_MSG_TYPE_PORT_SEND        ? kHoldSendRight
         : disposition == MACH_MSG_TYPE_PORT_SEND_ONCE ? kHoldSendOnce
                                                       : kHoldReceive;
}

bool is_right(const NakedRight& right) { return right.port != kRightNull && right.port != kRightDead; }

}  // namespace

kern_return_t right_take(Thread& self, Target<Space> handle, Name name, uint32_t disposition,
                         NakedRight& right) {
  for (;;) {
    Ref<Port> busy;
    const kern_return_t code = transact(self, kCopyinNeeds, [&](Txn& txn) -> int {
      Locked<Space> space = txn.lock(handle);
      if (space->state != kSpaceActive) return KERN_INVALID_TASK;
      Entry* entry = entry_find(txn, space, name);
      if (entry == nullptr) return KERN_INVALID_NAME;
      const kern_return_t taken = right_copyin(txn, space, *entry, disposition, right);
      if (taken == kPortBusy) busy = txn.segment().ref_of(txn.segment().at(Handle<Port>{right.port}));
      if (taken != KERN_SUCCESS || right.port == kRightDead) return taken;
      txn.hold(hold_kind(right.disposition), right.port);
      return KERN_SUCCESS;
    });
    if (code != kPortBusy) return code;
    port_clear_some(self, busy);
  }
}

kern_return_t right_take_sent(Thread& self, Target<Space> handle, Name name, uint32_t disposition,
                              NakedRight& right) {
  right = {name.value == MACH_PORT_DEAD ? kRightDead : kRightNull, received_disposition(disposition)};
  if (!name.valid()) return KERN_SUCCESS;
  const kern_return_t taken = right_take(self, handle, name, disposition, right);
  switch (taken) {
    case KERN_SUCCESS:
    case KERN_INVALID_TASK:
    case KERN_RESOURCE_SHORTAGE:
      return taken;
    default:
      return MACH_SEND_INVALID_RIGHT;
  }
}

void right_drop(Thread& self, const NakedRight& right) {
  if (!is_right(right)) return;
  const int code = transact(self, kDropNeeds.with<Kmsg>(1), [&](Txn& txn) {
    right_leaves_hand(txn, {right});
    naked_destroy(txn, right);
    return 0;
  });
  if (code != 0) self.left_in_hand = true;
}

void right_leaves_hand(Txn& txn, const RightInHand& in_hand) {
  if (in_hand.word != nullptr)
    txn.set(*in_hand.word, kRightNull);
  else
    txn.drop(*txn.find_hold(hold_kind(in_hand.right.disposition), in_hand.right.port));
}

kern_return_t port_insert_naked(Thread& self, Target<Space> handle, Name name, const RightInHand& in_hand) {
  const NakedRight& right = in_hand.right;
  if (!name.valid()) return KERN_INVALID_VALUE;
  if (!is_right(right)) return KERN_INVALID_CAPABILITY;
  if (name.index() > self.segment().at(handle.handle).table_limit) return KERN_NO_SPACE;
  if ((name.value & 3) != 3) return KERN_INVALID_VALUE;
  if (name.index() == 0) return KERN_FAILURE;
  const kern_return_t grown = space_grow_to(self, handle, name.index());
  if (grown != KERN_SUCCESS) return grown;
  return transact(self, kCopyoutNeeds, [&](Txn& txn) -> int {
    Locked<Space> space = txn.lock(handle);
    if (space->state != kSpaceActive) return KERN_INVALID_TASK;
    Entry* entry = nullptr;
    const kern_return_t found = entry_alloc_name(txn, space, name, entry);
    if (found != KERN_SUCCESS) return found;
    const bool fresh = entry->type() == 0;
    const kern_return_t copied = right_copyout_name(txn, space, right, name, *entry);
    if (copied == KERN_SUCCESS)
      right_leaves_hand(txn, in_hand);
    else if (fresh)
      entry_free(txn, space, *entry);  // keeps the generation that was asked for
    return copied;
  });
}

kern_return_t port_insert_right(Thread& self, Target<Space> handle, Name name, Handle<Space> from, Name poly,
                                mach_msg_type_name_t disposition) {
  NakedRight right;
  kern_return_t code = KERN_SUCCESS;
  if (!(handle.handle == from)) {
    code = right_take_sent(self, from, poly, disposition, right);
  } else if (!poly.valid()) {
    return KERN_INVALID_NAME;
  } else if (name == poly &&
             (disposition == MACH_MSG_TYPE_MAKE_SEND || disposition == MACH_MSG_TYPE_COPY_SEND)) {
    return on_entry(self, handle, name, kAgainNeeds,
                    [&](Txn& txn, Locked<Space>& space, Entry& entry) -> int {
                      return right_again(txn, space, entry, disposition);
                    });
  } else {
    code = right_take(self, from, poly, disposition, right);
    if (code == KERN_INVALID_CAPABILITY) return KERN_INVALID_RIGHT;
  }
  if (code != KERN_SUCCESS) return code;
  code = port_insert_naked(self, handle, name, {right});
  if (code != KERN_SUCCESS) right_drop(self, right);
  return code;
}

kern_return_t port_extract_right(Thread& self, Target<Space> handle, Name name,
                                 mach_msg_type_name_t disposition, Handle<Space> to, Name& out,
                                 mach_msg_type_name_t& type) {
  if (!MACH_MSG_TYPE_PORT_ANY(disposition)) return KERN_INVALID_VALUE;
  if (!name.valid()) return KERN_INVALID_RIGHT;
  NakedRight right;
  const kern_return_t taken = right_take(self, handle, name, disposition, right);
  if (taken != KERN_SUCCESS) return taken;
  type = right.disposition;
  out = Name{MACH_PORT_DEAD};
  if (right.port == kRightDead) return KERN_SUCCESS;
  const kern_return_t code = with_room(self, to, kCopyoutNeeds.with<Kmsg>(1), [&](Txn& txn) -> int {
    Locked<Space> space = txn.lock(to);
    const kern_return_t copied = right_copyout(txn, space, right, out);
    if (copied == KERN_SUCCESS || copied == KERN_INVALID_CAPABILITY) {
      right_leaves_hand(txn, {right});
      return KERN_SUCCESS;
    }
    return copied;
  });
  if (code != KERN_SUCCESS) right_drop(self, right);
  return code;
}

}  // namespace portolan::ipc
