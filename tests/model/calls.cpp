// SPDX-License-Identifier: Apache-2.0
// The mach_port calls that make, move and drop rights (ports 7.4-7.8, 7.13, 7.14, 7.19, 7.20).
#include <mach/notify.h>

#include "model/model.hpp"

namespace portolan::model {

// ports 7.4
kern_return_t Model::allocate(Space& space, mach_port_right_t right, Name& name) {
  if (right != MACH_PORT_RIGHT_RECEIVE && right != MACH_PORT_RIGHT_PORT_SET &&
      right != MACH_PORT_RIGHT_DEAD_NAME)
    return KERN_INVALID_VALUE;
  name = space.allocate();
  Entry& entry = *space.find(name);
  if (right == MACH_PORT_RIGHT_RECEIVE) {
    enter_new(space, name, {Right::State::live, MACH_MSG_TYPE_PORT_RECEIVE, new_port()});
  } else if (right == MACH_PORT_RIGHT_PORT_SET) {
    sets_.emplace_back();
    entry.type = MACH_PORT_TYPE_PORT_SET;
    entry.set = &sets_.back();
  } else {
    entry.type = MACH_PORT_TYPE_DEAD_NAME;
    entry.urefs = 1;
  }
  return KERN_SUCCESS;
}

kern_return_t Model::allocate_name(Space& space, mach_port_right_t right, Name& name) {
  if (!MACH_PORT_VALID(name)) return KERN_INVALID_VALUE;
  if (right == MACH_PORT_RIGHT_DEAD_NAME) return allocate(space, right, name);  // the choice is ignored
  if (right != MACH_PORT_RIGHT_RECEIVE && right != MACH_PORT_RIGHT_PORT_SET) return KERN_INVALID_VALUE;
  bool in_use = false;
  const kern_return_t code = space.claim(name, in_use);
  if (code != KERN_SUCCESS) return code;
  if (in_use) return KERN_NAME_EXISTS;
  if (right == MACH_PORT_RIGHT_RECEIVE) {
    enter_new(space, name, {Right::State::live, MACH_MSG_TYPE_PORT_RECEIVE, new_port()});
  } else {
    sets_.emplace_back();
    Entry& entry = *space.find(name);
    entry.type = MACH_PORT_TYPE_PORT_SET;
    entry.set = &sets_.back();
  }
  return KERN_SUCCESS;
}

// ports 7.19
kern_return_t Model::construct(Space& space, const mach_port_options_t& options, uint64_t context,
                               Name& name) {
  const auto several = [&](uint32_t flags) { return __builtin_popcount(options.flags & flags) > 1; };
  if (several(MPO_SERVICE_PORT | MPO_CONNECTION_PORT | MPO_TG_BLOCK_TRACKING)) return KERN_INVALID_ARGUMENT;
  if (several(MPO_REPLY_PORT | MPO_ENFORCE_REPLY_PORT_SEMANTICS | MPO_PROVISIONAL_REPLY_PORT |
              MPO_EXCEPTION_PORT))
    return KERN_INVALID_ARGUMENT;
  if ((options.flags & (MPO_TG_BLOCK_TRACKING | MPO_SERVICE_PORT)) != 0) return KERN_DENIED;
  if ((options.flags & MPO_CONNECTION_PORT) != 0 && options.service_port_name == 0)
    return KERN_INVALID_ARGUMENT;
  if ((options.flags & MPO_QLIMIT) != 0 && options.mpl.mpl_qlimit > kQueueLimitMax) return KERN_INVALID_VALUE;
  allocate(space, MACH_PORT_RIGHT_RECEIVE, name);
  Entry& entry = *space.find(name);
  Port* port = entry.port;
  if ((options.flags & MPO_QLIMIT) != 0) port->qlimit = options.mpl.mpl_qlimit;
  if ((options.flags & (MPO_IMPORTANCE_RECEIVER | MPO_DENAP_RECEIVER | MPO_TEMPOWNER)) != 0)
    port->donation_flags |= MACH_PORT_STATUS_FLAG_IMP_DONATION;
  if ((options.flags & MPO_TEMPOWNER) != 0) port->donation_flags |= MACH_PORT_STATUS_FLAG_TEMPOWNER;
  port->context = context;
  if ((options.flags & MPO_CONTEXT_AS_GUARD) != 0) {
    port->guarded = true;
    port->strict = (options.flags & MPO_STRICT) != 0;
    port->immovable = (options.flags & MPO_IMMOVABLE_RECEIVE) != 0;
  }
  if ((options.flags & MPO_INSERT_SEND_RIGHT) != 0) {
    entry.type |= MACH_PORT_TYPE_SEND;
    entry.urefs = port->mscount = port->srights = 1;
  }
  return KERN_SUCCESS;
}

// The receive right of an entry ends, and its send right stays under the name if there is one: as a dead
// name, or as what it is if a port-destroyed request saves the port (ports 7.8, 7.20).
void Model::destroy_receive_entry(Space& space, Name name, bool keep_send) {
  Entry& entry = *space.find(name);
  Port* port = entry.port;
  Port* deleted = nullptr;
  if (!entry.has(MACH_PORT_TYPE_SEND) || !keep_send) {
    deleted = cancel_request(entry);
    space.free(name);
  } else if (port->port_destroyed != nullptr) {
    entry.type = MACH_PORT_TYPE_SEND;
  } else {
    entry.type = MACH_PORT_TYPE_DEAD_NAME;
    entry.port = nullptr;
    if (entry.request != nullptr) add_urefs(entry, 1);
    entry.request = nullptr;
  }
  clear_receiver(port, false);
  destroy_port(port);
  notify_deleted(deleted, name);
}

// ports 7.20
kern_return_t Model::destruct(Space& space, Name name, mach_port_delta_t srdelta, uint64_t guard) {
  if (!MACH_PORT_VALID(name)) return KERN_INVALID_NAME;
  Entry* entry = space.find(name);
  if (entry == nullptr) return KERN_INVALID_NAME;
  if (!entry->has(MACH_PORT_TYPE_RECEIVE)) return KERN_INVALID_RIGHT;
  if (srdelta != 0 && !entry->has(MACH_PORT_TYPE_SEND)) return KERN_INVALID_RIGHT;
  if (srdelta > 0) return KERN_INVALID_VALUE;
  Port* port = entry->port;
  if (port->guarded && guard != port->context) return KERN_INVALID_ARGUMENT;
  const int64_t count = -int64_t{srdelta};
  if (count > entry->urefs) return KERN_INVALID_VALUE;
  if (count != 0) drop_urefs(space, name, *entry, static_cast<uint32_t>(count));
  destroy_receive_entry(space, name, true);
  return KERN_SUCCESS;
}

// ports 7.6
kern_return_t Model::deallocate(Space& space, Name name) {
  if (!MACH_PORT_VALID(name)) return KERN_SUCCESS;
  Entry* entry = space.find(name);
  if (entry == nullptr) return KERN_INVALID_NAME;
  if (entry->has(MACH_PORT_TYPE_PORT_SET)) return destroy(space, name);
  if (check_dead(space, *entry)) {
    drop_urefs(space, name, *entry, 1);
    return KERN_SUCCESS;
  }
  if (entry->has(MACH_PORT_TYPE_SEND_ONCE)) return destroy(space, name);
  if (!entry->has(MACH_PORT_TYPE_SEND)) return KERN_INVALID_RIGHT;
  drop_urefs(space, name, *entry, 1);
  return KERN_SUCCESS;
}

// ports 7.5
kern_return_t Model::destroy(Space& space, Name name) {
  if (!MACH_PORT_VALID(name)) return KERN_SUCCESS;
  const Entry* entry = space.find(name);
  if (entry == nullptr) return KERN_INVALID_NAME;
  const bool receives = entry->has(MACH_PORT_TYPE_RECEIVE);
  if (receives && entry->port->guarded && entry->port->context != 0) return KERN_INVALID_RIGHT;
  destroy_entry(space, name);
  return KERN_SUCCESS;
}

namespace {

// What mod_refs may do to a count (ports 4.3). True: legal; `drop` is what is to be taken away.
bool legal_delta(const Entry& entry, mach_port_delta_t delta, uint32_t& drop) {
  const int64_t change = delta;
  drop = 0;
  if (change > kUrefsMax || change < -int64_t{kUrefsMax}) return false;
  if (entry.urefs == kUrefsMax && change != -int64_t{kUrefsMax}) return true;
  if (-change > entry.urefs) return false;
  if (change < 0) drop = static_cast<uint32_t>(-change);
  return true;
}

}  // namespace

// ports 7.8
kern_return_t Model::mod_refs(Space& space, Name name, mach_port_right_t right, mach_port_delta_t delta) {
  if (right >= MACH_PORT_RIGHT_NUMBER) return KERN_INVALID_VALUE;
  if (!MACH_PORT_VALID(name))
    return right == MACH_PORT_RIGHT_SEND || right == MACH_PORT_RIGHT_SEND_ONCE ? KERN_SUCCESS
                                                                               : KERN_INVALID_NAME;
  Entry* entry = space.find(name);
  if (entry == nullptr) return KERN_INVALID_NAME;
  uint32_t drop = 0;
  switch (right) {
    case MACH_PORT_RIGHT_PORT_SET:
      if (!entry->has(MACH_PORT_TYPE_PORT_SET)) return KERN_INVALID_RIGHT;
      if (delta == 0) return KERN_SUCCESS;
      return delta == -1 ? destroy(space, name) : KERN_INVALID_VALUE;
    case MACH_PORT_RIGHT_RECEIVE:
      if (!entry->has(MACH_PORT_TYPE_RECEIVE)) return KERN_INVALID_RIGHT;
      if (delta == 0) return KERN_SUCCESS;
      if (delta != -1) return KERN_INVALID_VALUE;
      if (entry->port->guarded) return KERN_INVALID_RIGHT;
      destroy_receive_entry(space, name, true);
      return KERN_SUCCESS;
    case MACH_PORT_RIGHT_SEND_ONCE:
      if (!entry->has(MACH_PORT_TYPE_SEND_ONCE) || check_dead(space, *entry)) return KERN_INVALID_RIGHT;
      if (delta == 0) return KERN_SUCCESS;
      return delta == -1 ? destroy(space, name) : KERN_INVALID_VALUE;
    case MACH_PORT_RIGHT_DEAD_NAME:
      if (!check_dead(space, *entry)) return KERN_INVALID_RIGHT;
      break;
    case MACH_PORT_RIGHT_SEND:
      if (!entry->has(MACH_PORT_TYPE_SEND) || check_dead(space, *entry)) return KERN_INVALID_RIGHT;
      break;
    default:
      return KERN_INVALID_RIGHT;
  }
  if (!legal_delta(*entry, delta, drop)) return KERN_INVALID_VALUE;
  if (drop != 0) {
    drop_urefs(space, name, *entry, drop);
  } else if (delta > 0) {
    add_urefs(*entry, static_cast<uint32_t>(delta));
  }
  return KERN_SUCCESS;
}

// ports 7.13
kern_return_t Model::insert_right(Space& space, Name name, Space& from, Name poly, uint32_t disposition) {
  const bool make = disposition == MACH_MSG_TYPE_MAKE_SEND;
  if (&space == &from && name == poly && (make || disposition == MACH_MSG_TYPE_COPY_SEND)) {
    Entry* entry = space.find(name);
    if (entry == nullptr) return KERN_INVALID_NAME;
    if (check_dead(space, *entry)) return KERN_INVALID_CAPABILITY;
    if (!entry->has(make ? MACH_PORT_TYPE_RECEIVE : MACH_PORT_TYPE_SEND)) return KERN_INVALID_RIGHT;
    if (!entry->has(MACH_PORT_TYPE_SEND)) {
      entry->type |= MACH_PORT_TYPE_SEND;
      entry->port->srights++;
    }
    add_urefs(*entry, 1);
    if (make) entry->port->mscount++;
    return KERN_SUCCESS;
  }
  // To another task the right travels in a request, where null and dead are taken for what they are
  // (ports 6.2).
  const bool own = &space == &from;
  if (own && !MACH_PORT_VALID(poly)) return KERN_INVALID_NAME;
  Right right;
  if (MACH_PORT_VALID(poly)) {
    const kern_return_t code = copyin(from, poly, disposition, right);
    if (code != KERN_SUCCESS && !own) return MACH_SEND_INVALID_RIGHT;
    if (code != KERN_SUCCESS)
      return code == KERN_INVALID_CAPABILITY ? KERN_INVALID_RIGHT : code;  // immovable
  }
  if (!MACH_PORT_VALID(name)) {
    release(right);
    return KERN_INVALID_VALUE;
  }
  if (!right.live()) return KERN_INVALID_CAPABILITY;
  return copyout_name(space, right, name);
}

// ports 7.14
kern_return_t Model::extract_right(Space& space, Name name, uint32_t disposition, Space& to, Name& right,
                                   uint32_t& type) {
  if (disposition < MACH_MSG_TYPE_MOVE_RECEIVE || disposition > MACH_MSG_TYPE_MAKE_SEND_ONCE)
    return KERN_INVALID_VALUE;
  if (!MACH_PORT_VALID(name)) return KERN_INVALID_RIGHT;
  Right taken;
  const kern_return_t code = copyin(space, name, disposition, taken);
  if (code != KERN_SUCCESS) return code;
  type = taken.disposition;
  right = copyout(to, taken);
  return KERN_SUCCESS;
}

}  // namespace portolan::model
