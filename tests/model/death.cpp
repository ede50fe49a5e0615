// SPDX-License-Identifier: Apache-2.0
// The ends of ports, sets, messages and tasks, and the notices that tell of them (ports 8.6, 8.7, 10, 11).
#include <mach/notify.h>

#include <algorithm>
#include <cstring>

#include "model/model.hpp"

namespace portolan::model {

// ports 4.6
void Model::clear_receiver(Port* port, bool moves) {
  leave_sets(port);
  port->holder = nullptr;
  port->name = 0;
  port->mscount = 0;
  port->seqno = 0;
  port->context = 0;
  port->guarded = port->strict = false;
  if (moves) port->immovable = false;
}

void Model::leave_sets(Port* port) {
  const std::vector<PortSet*> sets = port->sets;
  for (PortSet* set : sets) leave(port, set);
}

// The receive right is in nobody's hands any more (ports 10.1), or goes where a port-destroyed request wants
// it (8.5).
void Model::destroy_port(Port* port) {
  if (Port* notify = port->port_destroyed) {
    port->port_destroyed = nullptr;
    port->immovable = false;  // this is a move
    Message message = notice(MACH_NOTIFY_PORT_DESTROYED, notify, {});
    message.complex = true;
    message.size = 40;
    Item item;
    item.type = MACH_MSG_PORT_DESCRIPTOR;
    item.right = {Right::State::live, MACH_MSG_TYPE_PORT_RECEIVE, port};
    message.items.push_back(item);
    if (notify->alive && !circular(port, notify)) port->transit = notify;
    message.circular = port->transit == nullptr;
    post(notify, std::move(message));
    return;
  }
  port->alive = false;
  std::deque<Message> queue;
  queue.swap(port->queue);
  for (Message& message : queue) doom(std::move(message));
  if (Port* notify = port->no_senders) {
    port->no_senders = nullptr;
    release_send_once(notify);
  }
  for (Request& request : port->requests) {
    if (request.state == Request::State::fired) continue;
    Port* notify = request.notify;
    request.notify = nullptr;
    request.state = Request::State::died_unfired;
    Message message = notice(MACH_NOTIFY_DEAD_NAME, notify, {0, 1, request.name});
    message.unordered = open_order();
    post(notify, std::move(message));
  }
}

void Model::destroy_set(PortSet* set) {
  set->alive = false;
  const std::set<Port*> members = set->members;
  for (Port* port : members) leave(port, set);
}

// Does following the ways of receive rights lead from `destination` to `moved`? (ports 11)
bool Model::circular(const Port* moved, const Port* destination) {
  for (const Port* port = destination; port != nullptr; port = port->transit)
    if (port == moved) return true;
  return false;
}

// ports 10.5. What a destroyed message takes along is destroyed after it, not within.
void Model::doom(Message message) {
  doomed_.push_back(std::move(message));
  if (reaping_) return;
  reaping_ = reaped_ = true;
  while (!doomed_.empty()) {
    const Message next = std::move(doomed_.front());
    doomed_.pop_front();
    release(next.destination);
    release(next.reply);
    for (const Item& item : next.items) {
      release(item.right);
      for (const Right& right : item.rights) release(right);
    }
  }
  reaping_ = false;
}

// ports 8.7
Message Model::notice(mach_msg_id_t id, Port* notify, std::initializer_list<uint32_t> words) const {
  Message message;
  message.id = id;
  message.destination = {Right::State::live, MACH_MSG_TYPE_PORT_SEND_ONCE, notify};
  message.sender.security.val[1] = 1;
  for (uint32_t word : words) {
    uint8_t bytes[4];
    memcpy(bytes, &word, 4);
    message.data.insert(message.data.end(), bytes, bytes + 4);
  }
  message.size = static_cast<uint32_t>(sizeof(mach_msg_header_t) + message.data.size());
  message.unordered = reaped_ ? open_order() : 0;
  return message;
}

// A message of the kernel's: no limit but the cap holds it, and a dead destination swallows it (messages 5.5,
// 9).
void Model::post(Port* port, Message message) {
  if (message.circular || !port->alive || port->queue.size() >= kQueueCap) {
    if (port->alive && message.circular == false) {  // at the cap: dropped, and no notice of it
      port->sorights--;
      message.destination = {};
    }
    doom(std::move(message));
    return;
  }
  queue_message(port, std::move(message));
}

void Model::queue_message(Port* port, Message message) {
  port->queue.push_back(std::move(message));
  for (PortSet* set : port->sets)
    if (std::find(set->ready.begin(), set->ready.end(), port) == set->ready.end()) set->ready.push_back(port);
}

void Model::settle_order(Port& port, uint32_t place) {
  auto first = port.queue.begin() + place;
  if (first->unordered == 0) return;
  for (auto it = first; it != port.queue.end() && it->unordered == first->unordered; ++it) {
    if (!chooser_.is_it(*it)) continue;
    std::rotate(first, it, it + 1);
    return;
  }
}

void Model::fire_no_senders(Port* port) {
  Port* notify = port->no_senders;
  if (notify == nullptr) return;
  port->no_senders = nullptr;
  post(notify, notice(MACH_NOTIFY_NO_SENDERS, notify, {0, 1, port->mscount}));
}

// A name and all it holds go: by destroy, or with its task (ports 7.5, 10.3).
void Model::destroy_entry(Space& space, Name name) {
  Entry& entry = *space.find(name);
  if (check_dead(space, entry)) return space.free(name);
  if (entry.has(MACH_PORT_TYPE_PORT_SET)) {
    destroy_set(entry.set);
    return space.free(name);
  }
  const uint32_t type = entry.type;
  Port* port = entry.port;
  Port* deleted = cancel_request(entry);
  space.free(name);
  // The send right goes before the port, but the notice of it comes after those of the port's end.
  Port* no_senders = nullptr;
  const uint32_t mscount = port->mscount;
  if ((type & MACH_PORT_TYPE_SEND) != 0 && --port->srights == 0) {
    no_senders = port->no_senders;
    port->no_senders = nullptr;
  }
  if ((type & MACH_PORT_TYPE_RECEIVE) != 0) {
    clear_receiver(port, false);
    destroy_port(port);
  }
  if ((type & MACH_PORT_TYPE_SEND_ONCE) != 0) release_send_once(port);
  if (no_senders != nullptr) post(no_senders, notice(MACH_NOTIFY_NO_SENDERS, no_senders, {0, 1, mscount}));
  notify_deleted(deleted, name);
}

// ports 3.4, 10.3
void Model::end_task(Space& space) {
  std::vector<Name> names;
  for (const auto& [index, entry] : space.entries) names.push_back(space.name_of(entry));
  for (Name name : names) destroy_entry(space, name);
}

}  // namespace portolan::model
