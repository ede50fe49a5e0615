// SPDX-License-Identifier: Apache-2.0
// Rights out of a space, into a space, and let go (ports 4, 5).
#include <mach/notify.h>

#include "model/model.hpp"

namespace portolan::model {

Space& Model::new_task(const Sender& sender) {
  spaces_.emplace_back(chooser_);
  spaces_.back().sender = sender;
  return spaces_.back();
}

Port* Model::new_port() {
  ports_.emplace_back();
  return &ports_.back();
}

// ports 4.3: adding saturates.
bool Model::add_urefs(Entry& entry, uint32_t count) {
  const uint64_t sum = uint64_t{entry.urefs} + count;
  entry.urefs = sum >= kUrefsMax ? kUrefsMax : static_cast<uint32_t>(sum);
  return true;
}

bool Model::check_dead(Space&, Entry& entry) {
  if (entry.has(MACH_PORT_TYPE_DEAD_NAME)) return true;
  if (entry.port == nullptr || entry.port->alive) return false;
  entry.type = MACH_PORT_TYPE_DEAD_NAME;
  entry.port = nullptr;
  if (entry.request != nullptr && entry.request->state == Request::State::died_unfired) add_urefs(entry, 1);
  entry.request = nullptr;
  return true;
}

// ports 5.1
kern_return_t Model::copyin(Space& space, Name name, uint32_t disposition, Right& right) {
  Entry* entry = space.find(name);
  if (entry == nullptr) return KERN_INVALID_NAME;
  Port* port = entry->port;
  switch (disposition) {
    case MACH_MSG_TYPE_MAKE_SEND:
      if (!entry->has(MACH_PORT_TYPE_RECEIVE)) return KERN_INVALID_RIGHT;
      port->mscount++;
      port->srights++;
      right = {Right::State::live, MACH_MSG_TYPE_PORT_SEND, port};
      return KERN_SUCCESS;
    case MACH_MSG_TYPE_MAKE_SEND_ONCE:
      if (!entry->has(MACH_PORT_TYPE_RECEIVE)) return KERN_INVALID_RIGHT;
      port->sorights++;
      right = {Right::State::live, MACH_MSG_TYPE_PORT_SEND_ONCE, port};
      return KERN_SUCCESS;
    case MACH_MSG_TYPE_MOVE_RECEIVE:
      if (!entry->has(MACH_PORT_TYPE_RECEIVE)) return KERN_INVALID_RIGHT;
      if (port->immovable) return KERN_INVALID_CAPABILITY;
      clear_receiver(port, true);
      right = {Right::State::live, MACH_MSG_TYPE_PORT_RECEIVE, port};
      if (entry->has(MACH_PORT_TYPE_SEND)) {
        entry->type = MACH_PORT_TYPE_SEND;
      } else {
        free_name(space, name, *entry);
      }
      return KERN_SUCCESS;
    case MACH_MSG_TYPE_COPY_SEND:
    case MACH_MSG_TYPE_MOVE_SEND: {
      const bool move = disposition == MACH_MSG_TYPE_MOVE_SEND;
      if (check_dead(space, *entry)) {
        right = {Right::State::dead, MACH_MSG_TYPE_PORT_SEND, nullptr};
        if (move) drop_urefs(space, name, *entry, 1);
        return KERN_SUCCESS;
      }
      if (!entry->has(MACH_PORT_TYPE_SEND)) return KERN_INVALID_RIGHT;
      right = {Right::State::live, MACH_MSG_TYPE_PORT_SEND, port};
      port->srights++;
      if (move) drop_urefs(space, name, *entry, 1);
      return KERN_SUCCESS;
    }
    case MACH_MSG_TYPE_MOVE_SEND_ONCE:
      if (check_dead(space, *entry)) {
        right = {Right::State::dead, MACH_MSG_TYPE_PORT_SEND_ONCE, nullptr};
        drop_urefs(space, name, *entry, 1);
        return KERN_SUCCESS;
      }
      if (!entry->has(MACH_PORT_TYPE_SEND_ONCE)) return KERN_INVALID_RIGHT;
      right = {Right::State::live, MACH_MSG_TYPE_PORT_SEND_ONCE, port};
      free_name(space, name, *entry);
      return KERN_SUCCESS;
    default:
      return KERN_INVALID_RIGHT;
  }
}

// Takes user references from a live send right or a dead name, and what they hold once there are none. A
// saturated count stays, except if all of it is taken (ports 4.3).
void Model::drop_urefs(Space& space, Name name, Entry& entry, uint32_t count) {
  if (entry.urefs == kUrefsMax && count != kUrefsMax) return;
  entry.urefs -= count;
  if (entry.urefs != 0) return;
  Port* port = entry.port;
  if (entry.has(MACH_PORT_TYPE_DEAD_NAME)) {
    free_name(space, name, entry);
    return;
  }
  Port* deleted = nullptr;
  if (entry.has(MACH_PORT_TYPE_RECEIVE)) {
    entry.type = MACH_PORT_TYPE_RECEIVE;
  } else {
    deleted = cancel_request(entry);
    space.free(name);
  }
  release_send(port);
  notify_deleted(deleted, name);
}

Port* Model::cancel_request(Entry& entry) {
  if (entry.request == nullptr) return nullptr;
  Request* request = entry.request;
  entry.request = nullptr;
  Port* notify = request->notify;
  for (Port& port : ports_)
    port.requests.remove_if([request](const Request& other) { return &other == request; });
  return notify;
}

// ports 8.6
void Model::notify_deleted(Port* notify, Name name) {
  if (notify != nullptr) post(notify, notice(MACH_NOTIFY_PORT_DELETED, notify, {0, 1, name}));
}

void Model::free_name(Space& space, Name name, Entry& entry) {
  Port* deleted = cancel_request(entry);
  space.free(name);
  notify_deleted(deleted, name);
}

void Model::enter_new(Space& space, Name name, const Right& right) {
  Entry& entry = *space.find(name);
  entry.port = right.port;
  entry.urefs = right.disposition == MACH_MSG_TYPE_PORT_RECEIVE ? 0 : 1;
  switch (right.disposition) {
    case MACH_MSG_TYPE_PORT_RECEIVE:
      entry.type = MACH_PORT_TYPE_RECEIVE;
      right.port->holder = &space;
      right.port->name = name;
      right.port->transit = nullptr;
      break;
    case MACH_MSG_TYPE_PORT_SEND:
      entry.type = MACH_PORT_TYPE_SEND;
      break;
    default:
      entry.type = MACH_PORT_TYPE_SEND_ONCE;
      break;
  }
}

// The right joins what the space has of its port already (ports 4.2).
void Model::join(Space& space, Entry& entry, const Right& right) {
  if (right.disposition == MACH_MSG_TYPE_PORT_RECEIVE) {
    entry.type |= MACH_PORT_TYPE_RECEIVE;
    right.port->holder = &space;
    right.port->name = space.name_of(entry);
    right.port->transit = nullptr;
  } else if (entry.has(MACH_PORT_TYPE_SEND)) {
    add_urefs(entry, 1);
    release_send(right.port);  // merged into that of the entry
  } else {
    entry.type |= MACH_PORT_TYPE_SEND;
    entry.urefs = 1;
  }
}

// ports 5.2
Name Model::copyout(Space& space, const Right& right) {
  if (right.state == Right::State::null) return MACH_PORT_NULL;
  if (!right.live()) return MACH_PORT_DEAD;
  space.make_room();
  if (!right.port->alive) return MACH_PORT_DEAD;
  if (right.disposition != MACH_MSG_TYPE_PORT_SEND_ONCE) {
    if (Entry* entry = space.by_port(right.port, MACH_PORT_TYPE_SEND_RECEIVE)) {
      join(space, *entry, right);
      return space.name_of(*entry);
    }
  }
  const Name name = space.allocate();
  enter_new(space, name, right);
  return name;
}

// ports 5.3
kern_return_t Model::copyout_name(Space& space, const Right& right, Name name) {
  bool in_use = false;
  kern_return_t code = space.claim(name, in_use);
  if (code != KERN_SUCCESS) {
    release(right);
    return code;
  }
  const bool once = right.disposition == MACH_MSG_TYPE_PORT_SEND_ONCE;
  Entry* same = once ? nullptr : space.by_port(right.port, MACH_PORT_TYPE_SEND_RECEIVE);
  if (same != nullptr && same != space.find(name)) {
    code = KERN_RIGHT_EXISTS;
  } else if (in_use && same == nullptr) {
    code = KERN_NAME_EXISTS;
  }
  if (code != KERN_SUCCESS) {
    if (!in_use) space.free(name);
    release(right);
    return code;
  }
  if (in_use) {
    join(space, *same, right);
  } else {
    enter_new(space, name, right);
  }
  return KERN_SUCCESS;
}

void Model::release_send(Port* port) {
  if (--port->srights == 0 && port->alive) fire_no_senders(port);
}

void Model::release_send_once(Port* port) {
  if (!port->alive) {
    port->sorights--;
    return;
  }
  post(port, notice(MACH_NOTIFY_SEND_ONCE, port, {}));
}

void Model::release(const Right& right) {
  if (!right.live()) return;
  switch (right.disposition) {
    case MACH_MSG_TYPE_PORT_SEND:
      release_send(right.port);
      break;
    case MACH_MSG_TYPE_PORT_SEND_ONCE:
      release_send_once(right.port);
      break;
    default:
      right.port->transit = nullptr;
      destroy_port(right.port);
      break;
  }
}

}  // namespace portolan::model
