// SPDX-License-Identifier: Apache-2.0
// Attributes, guards, sets, and what only looks (ports 7.1, 7.2, 7.7, 7.9-7.12, 7.15, 7.16, 7.18).
#include <algorithm>

#include "model/model.hpp"

namespace portolan::model {

// A look-up of the object, as a receive right (ports 6.3).
kern_return_t Model::find_receive(Space& space, Name name, Port*& port) {
  Entry* entry = space.find(name);
  if (entry == nullptr || check_dead(space, *entry)) return KERN_INVALID_NAME;
  if (!entry->has(MACH_PORT_TYPE_RECEIVE)) return KERN_INVALID_RIGHT;
  port = entry->port;
  return KERN_SUCCESS;
}

// -------------------------------------------------------------------------------------------------------
// looking

// The bits beside the type: names shows all, type only that there is an unfired request.
static uint32_t request_bits(const Entry& entry) {
  if (entry.request == nullptr) return 0;
  switch (entry.request->state) {
    case Request::State::dead_name:
      return MACH_PORT_TYPE_DNREQUEST;
    case Request::State::send_possible:
      return MACH_PORT_TYPE_DNREQUEST | MACH_PORT_TYPE_SPREQUEST;
    case Request::State::send_possible_unarmed:
      return MACH_PORT_TYPE_DNREQUEST | MACH_PORT_TYPE_SPREQUEST_DELAYED;
    default:
      return 0;
  }
}

kern_return_t Model::type(Space& space, Name name, uint32_t& type) {
  if (name == MACH_PORT_NULL) return KERN_INVALID_NAME;
  if (name == MACH_PORT_DEAD) {
    type = MACH_PORT_TYPE_DEAD_NAME;
    return KERN_SUCCESS;
  }
  Entry* entry = space.find(name);
  if (entry == nullptr) return KERN_INVALID_NAME;
  check_dead(space, *entry);
  type = entry->type | (request_bits(*entry) & MACH_PORT_TYPE_DNREQUEST);
  return KERN_SUCCESS;
}

kern_return_t Model::get_refs(Space& space, Name name, mach_port_right_t right, uint32_t& refs) {
  if (right >= MACH_PORT_RIGHT_NUMBER) return KERN_INVALID_VALUE;
  if (!MACH_PORT_VALID(name)) {
    if (right != MACH_PORT_RIGHT_SEND && right != MACH_PORT_RIGHT_SEND_ONCE) return KERN_INVALID_NAME;
    refs = 1;
    return KERN_SUCCESS;
  }
  Entry* entry = space.find(name);
  if (entry == nullptr) return KERN_INVALID_NAME;
  check_dead(space, *entry);
  const bool counted = right == MACH_PORT_RIGHT_SEND || right == MACH_PORT_RIGHT_DEAD_NAME;
  refs = !entry->has(MACH_PORT_TYPE(right)) ? 0 : counted ? entry->urefs : 1;
  return KERN_SUCCESS;
}

kern_return_t Model::get_srights(Space& space, Name name, uint32_t& srights) {
  if (!MACH_PORT_VALID(name)) return KERN_INVALID_NAME;
  Port* port = nullptr;
  const kern_return_t code = find_receive(space, name, port);
  if (code == KERN_SUCCESS) srights = port->srights;
  return code;
}

kern_return_t Model::dnrequest_info(Space& space, Name name, uint32_t& total, uint32_t& used) {
  if (!MACH_PORT_VALID(name)) return KERN_INVALID_NAME;
  Port* port = nullptr;
  const kern_return_t code = find_receive(space, name, port);
  if (code != KERN_SUCCESS) return code;
  total = port->request_slots;
  used = static_cast<uint32_t>(std::count_if(port->requests.begin(), port->requests.end(),
                                             [](const Request& it) { return it.notify != nullptr; }));
  return KERN_SUCCESS;
}

kern_return_t Model::kobject(Space& space, Name name, uint32_t& type, uint64_t& address) {
  Entry* entry = MACH_PORT_VALID(name) ? space.find(name) : nullptr;
  if (entry == nullptr || check_dead(space, *entry)) return KERN_INVALID_NAME;
  if (!entry->has(MACH_PORT_TYPE_SEND_RECEIVE)) return KERN_INVALID_RIGHT;
  type = 0;
  address = 0;
  return KERN_SUCCESS;
}

std::vector<Model::Listed> Model::names(Space& space) {
  std::vector<Listed> all;
  for (auto& [index, entry] : space.entries) {
    check_dead(space, entry);
    all.push_back({space.name_of(entry), entry.type | request_bits(entry), entry.urefs});
  }
  return all;
}

// The size that a message has inside the kernel, which peek tells (ports 7.9): the header is 32 bytes,
// descriptors are 16.
static uint32_t inner_size(const Message& message) {
  uint32_t size = message.size + 8;
  for (const Item& item : message.items)
    if (item.type == MACH_MSG_PORT_DESCRIPTOR) size += 4;
  return size;
}

kern_return_t Model::peek(Space& space, Name name, uint32_t seqno, Peeked& peeked) {
  if (!MACH_PORT_VALID(name)) return KERN_INVALID_RIGHT;
  Port* port = nullptr;
  const kern_return_t code = find_receive(space, name, port);
  if (code != KERN_SUCCESS) return code;
  const uint32_t place = seqno == 0 ? 0 : seqno - port->seqno;
  if (place >= port->queue.size()) return KERN_FAILURE;
  settle_order(*port, place);
  const Message& message = port->queue[place];
  peeked = {port->seqno + place, inner_size(message), message.id, message.sender};
  return KERN_SUCCESS;
}

// -----------------------------------------------------------------------------------------------------
// attributes

static mach_port_status_t status_of(const Port& port) {
  mach_port_status_t status{};
  status.mps_pset = port.sets.empty() ? 0 : 1;
  status.mps_seqno = port.seqno;
  status.mps_mscount = port.mscount;
  status.mps_qlimit = port.qlimit;
  status.mps_msgcount = static_cast<uint32_t>(port.queue.size());
  status.mps_sorights = port.sorights;
  status.mps_srights = port.srights != 0;
  status.mps_pdrequest = port.port_destroyed != nullptr;
  status.mps_nsrequest = port.no_senders != nullptr;
  status.mps_flags = port.donation_flags;
  if (port.guarded) {
    status.mps_flags |= MACH_PORT_STATUS_FLAG_GUARDED;
    if (port.strict) status.mps_flags |= MACH_PORT_STATUS_FLAG_STRICT_GUARD;
    if (port.immovable) status.mps_flags |= MACH_PORT_STATUS_FLAG_GUARD_IMMOVABLE_RECEIVE;
  }
  return status;
}

kern_return_t Model::get_attributes(Space& space, Name name, int flavor, std::vector<uint32_t>& info,
                                    uint32_t& count) {
  uint32_t needed = 0;
  switch (flavor) {
    case MACH_PORT_LIMITS_INFO:
      needed = MACH_PORT_LIMITS_INFO_COUNT;
      break;
    case MACH_PORT_RECEIVE_STATUS:
      needed = MACH_PORT_RECEIVE_STATUS_COUNT;
      break;
    case MACH_PORT_DNREQUESTS_SIZE:
      needed = MACH_PORT_DNREQUESTS_SIZE_COUNT;
      break;
    case MACH_PORT_INFO_EXT:
      needed = MACH_PORT_INFO_EXT_COUNT;
      break;
    case MACH_PORT_SERVICE_THROTTLED:
      break;
    default:
      return KERN_INVALID_ARGUMENT;
  }
  if (count < needed) return KERN_FAILURE;
  if (!MACH_PORT_VALID(name)) {
    if (flavor == MACH_PORT_LIMITS_INFO) {
      count = 0;
      return KERN_SUCCESS;
    }
    if (flavor != MACH_PORT_DNREQUESTS_SIZE) return KERN_INVALID_RIGHT;
    info = {0};
    count = 1;
    return KERN_SUCCESS;
  }
  Port* port = nullptr;
  const kern_return_t code = find_receive(space, name, port);
  if (code != KERN_SUCCESS) return code;
  const mach_port_status_t status = status_of(*port);
  const auto* words = reinterpret_cast<const uint32_t*>(&status);
  switch (flavor) {
    case MACH_PORT_LIMITS_INFO:
      info = {port->qlimit};
      break;
    case MACH_PORT_DNREQUESTS_SIZE:
      info = {port->request_slots};
      break;
    case MACH_PORT_SERVICE_THROTTLED:
      return KERN_INVALID_CAPABILITY;
    default:
      info.assign(words, words + MACH_PORT_RECEIVE_STATUS_COUNT);
      info.resize(needed);
      break;
  }
  count = needed;
  return KERN_SUCCESS;
}

kern_return_t Model::set_attributes(Space& space, Name name, int flavor, uint32_t value, uint32_t count) {
  switch (flavor) {
    case MACH_PORT_LIMITS_INFO:
      if (count < 1) return KERN_FAILURE;
      if (value > kQueueLimitMax) return KERN_INVALID_VALUE;
      break;
    case MACH_PORT_DNREQUESTS_SIZE:
      if (count < 1) return KERN_FAILURE;
      break;
    case MACH_PORT_TEMPOWNER:
    case MACH_PORT_IMPORTANCE_RECEIVER:
    case MACH_PORT_DENAP_RECEIVER:
      break;
    case MACH_PORT_SERVICE_THROTTLED:
      break;
    default:
      return KERN_INVALID_ARGUMENT;
  }
  if (!MACH_PORT_VALID(name)) return KERN_INVALID_RIGHT;
  Port* port = nullptr;
  const kern_return_t code = find_receive(space, name, port);
  if (code != KERN_SUCCESS) return code;
  switch (flavor) {
    case MACH_PORT_LIMITS_INFO:
      port->qlimit = value;
      break;
    case MACH_PORT_SERVICE_THROTTLED:
      return KERN_INVALID_CAPABILITY;
    case MACH_PORT_TEMPOWNER:
      port->donation_flags |= MACH_PORT_STATUS_FLAG_TEMPOWNER;
      [[fallthrough]];
    case MACH_PORT_IMPORTANCE_RECEIVER:
    case MACH_PORT_DENAP_RECEIVER:
      port->donation_flags |= MACH_PORT_STATUS_FLAG_IMP_DONATION;
      break;
    default:
      break;
  }
  return KERN_SUCCESS;
}

kern_return_t Model::set_mscount(Space& space, Name name, uint32_t mscount) {
  if (!MACH_PORT_VALID(name)) return KERN_INVALID_RIGHT;
  Port* port = nullptr;
  const kern_return_t code = find_receive(space, name, port);
  if (code == KERN_SUCCESS) port->mscount = mscount;
  return code;
}

kern_return_t Model::set_seqno(Space& space, Name name, uint32_t seqno) {
  if (!MACH_PORT_VALID(name)) return KERN_INVALID_RIGHT;
  Port* port = nullptr;
  const kern_return_t code = find_receive(space, name, port);
  if (code == KERN_SUCCESS) port->seqno = seqno;
  return code;
}

kern_return_t Model::get_context(Space& space, Name name, uint64_t& context) {
  if (!MACH_PORT_VALID(name)) return KERN_INVALID_RIGHT;
  Port* port = nullptr;
  const kern_return_t code = find_receive(space, name, port);
  if (code == KERN_SUCCESS) context = port->strict ? 0 : port->context;
  return code;
}

kern_return_t Model::set_context(Space& space, Name name, uint64_t context) {
  if (!MACH_PORT_VALID(name)) return KERN_INVALID_RIGHT;
  Port* port = nullptr;
  const kern_return_t code = find_receive(space, name, port);
  if (code != KERN_SUCCESS) return code;
  if (port->strict) return KERN_INVALID_ARGUMENT;
  port->context = context;
  return KERN_SUCCESS;
}

// ---------------------------------------------------------------------------------------------------------
// guards

kern_return_t Model::guard(Space& space, Name name, uint64_t value, uint64_t flags) {
  if (!MACH_PORT_VALID(name)) return KERN_INVALID_NAME;
  Port* port = nullptr;
  const kern_return_t code = find_receive(space, name, port);
  if (code != KERN_SUCCESS) return code;
  if (port->context != 0) return KERN_INVALID_ARGUMENT;
  port->context = value;
  port->guarded = true;
  if ((flags & MPG_STRICT) != 0) port->strict = true;
  if ((flags & MPG_IMMOVABLE_RECEIVE) != 0) port->immovable = true;
  return KERN_SUCCESS;
}

kern_return_t Model::unguard(Space& space, Name name, uint64_t value) {
  if (!MACH_PORT_VALID(name)) return KERN_INVALID_NAME;
  Port* port = nullptr;
  const kern_return_t code = find_receive(space, name, port);
  if (code != KERN_SUCCESS) return code;
  if (!port->guarded || port->context != value) return KERN_INVALID_ARGUMENT;
  port->context = 0;
  port->guarded = port->strict = false;
  return KERN_SUCCESS;
}

kern_return_t Model::swap_guard(Space& space, Name name, uint64_t old_value, uint64_t new_value) {
  if (!MACH_PORT_VALID(name)) return KERN_INVALID_NAME;
  Port* port = nullptr;
  const kern_return_t code = find_receive(space, name, port);
  if (code != KERN_SUCCESS) return code;
  if (!port->guarded || port->strict || port->context != old_value) return KERN_INVALID_ARGUMENT;
  port->context = new_value;
  return KERN_SUCCESS;
}

// -----------------------------------------------------------------------------------------------------------
// sets

kern_return_t Model::find_member(Space& space, Name name, Name set_name, Port*& port, PortSet*& set) {
  if (!MACH_PORT_VALID(name) || !MACH_PORT_VALID(set_name)) return KERN_INVALID_RIGHT;
  Entry* member = space.find(name);
  Entry* into = space.find(set_name);
  if (member == nullptr || into == nullptr) return KERN_INVALID_NAME;
  if (!member->has(MACH_PORT_TYPE_RECEIVE) || !into->has(MACH_PORT_TYPE_PORT_SET)) return KERN_INVALID_RIGHT;
  port = member->port;
  set = into->set;
  return KERN_SUCCESS;
}

void Model::join(Port* port, PortSet* set) {
  set->members.insert(port);
  port->sets.push_back(set);
  if (!port->queue.empty()) set->ready.push_back(port);
}

bool Model::leave(Port* port, PortSet* set) {
  if (set->members.erase(port) == 0) return false;
  port->sets.erase(std::find(port->sets.begin(), port->sets.end(), set));
  std::erase(set->ready, port);
  return true;
}

kern_return_t Model::insert_member(Space& space, Name name, Name set_name) {
  Port* port = nullptr;
  PortSet* set = nullptr;
  const kern_return_t code = find_member(space, name, set_name, port, set);
  if (code != KERN_SUCCESS) return code;
  if (set->members.count(port) != 0) return KERN_ALREADY_IN_SET;
  join(port, set);
  return KERN_SUCCESS;
}

kern_return_t Model::extract_member(Space& space, Name name, Name set_name) {
  Port* port = nullptr;
  PortSet* set = nullptr;
  const kern_return_t code = find_member(space, name, set_name, port, set);
  if (code != KERN_SUCCESS) return code;
  return leave(port, set) ? KERN_SUCCESS : KERN_NOT_IN_SET;
}

kern_return_t Model::move_member(Space& space, Name member, Name after) {
  if (!MACH_PORT_VALID(member) || after == MACH_PORT_DEAD) return KERN_INVALID_RIGHT;
  Port* port = nullptr;
  PortSet* set = nullptr;
  const kern_return_t code = after == MACH_PORT_NULL ? find_receive(space, member, port)
                                                     : find_member(space, member, after, port, set);
  if (code != KERN_SUCCESS) return code;
  if (set == nullptr && port->sets.empty()) return KERN_NOT_IN_SET;
  const std::vector<PortSet*> sets = port->sets;
  for (PortSet* other : sets)
    if (other != set) leave(port, other);
  if (set != nullptr && set->members.count(port) == 0) join(port, set);
  return KERN_SUCCESS;
}

kern_return_t Model::get_set_status(Space& space, Name set, std::vector<Name>& members) {
  if (!MACH_PORT_VALID(set)) return KERN_INVALID_RIGHT;
  Entry* entry = space.find(set);
  if (entry == nullptr || check_dead(space, *entry)) return KERN_INVALID_NAME;
  if (!entry->has(MACH_PORT_TYPE_PORT_SET)) return KERN_INVALID_RIGHT;
  for (const Port* port : entry->set->members) members.push_back(port->name);
  std::sort(members.begin(), members.end());
  return KERN_SUCCESS;
}

}  // namespace portolan::model
