// SPDX-License-Identifier: Apache-2.0
// request_notification (ports 8).
#include <mach/mig_errors.h>
#include <mach/notify.h>

#include <algorithm>

#include "model/model.hpp"

namespace portolan::model {

// `previous` holds what was registered before: rights go to `from`, and are the caller's.
kern_return_t Model::request_notification(Space& space, Name name, mach_msg_id_t id, uint32_t sync,
                                          Space& from, Name notify_name, uint32_t disposition,
                                          Name& previous) {
  if (notify_name == MACH_PORT_DEAD) return KERN_INVALID_CAPABILITY;
  const bool once =
      disposition == MACH_MSG_TYPE_MAKE_SEND_ONCE || disposition == MACH_MSG_TYPE_MOVE_SEND_ONCE;
  Right notify;
  if (notify_name != MACH_PORT_NULL) {
    const kern_return_t code = copyin(from, notify_name, disposition, notify);
    if (code != KERN_SUCCESS) return once && &space == &from ? code : MACH_SEND_INVALID_RIGHT;
    if (!once) {
      release(notify);
      return MIG_TYPE_ERROR;
    }
    if (!notify.live() || !notify.port->alive) return KERN_INVALID_CAPABILITY;
  }
  kern_return_t code = KERN_INVALID_VALUE;
  Right old;
  switch (id) {
    case MACH_NOTIFY_NO_SENDERS:
      code = request_no_senders(space, name, sync, notify, old);
      break;
    case MACH_NOTIFY_PORT_DESTROYED:
      code = request_port_destroyed(space, name, sync, notify);
      break;
    case MACH_NOTIFY_DEAD_NAME:
      code = request_on_name(space, name, true, sync, notify, old);
      break;
    case MACH_NOTIFY_SEND_POSSIBLE:
      code = request_on_name(space, name, false, sync, notify, old);
      break;
    default:
      break;
  }
  if (code != KERN_SUCCESS) {
    release(notify);
    return code;
  }
  previous = copyout(from, old);
  if (&space == &from && notify.live() && previous == MACH_PORT_DEAD)
    return KERN_INVALID_CAPABILITY;  // ports 6.2
  return KERN_SUCCESS;
}

static Right send_once(Port* port) {
  return port == nullptr ? Right{} : Right{Right::State::live, MACH_MSG_TYPE_PORT_SEND_ONCE, port};
}

// ports 8.2
kern_return_t Model::request_no_senders(Space& space, Name name, uint32_t sync, const Right& notify,
                                        Right& previous) {
  if (!MACH_PORT_VALID(name)) return KERN_INVALID_RIGHT;
  Port* port = nullptr;
  const kern_return_t code = find_receive(space, name, port);
  if (code != KERN_SUCCESS) return code;
  previous = send_once(port->no_senders);
  port->no_senders = notify.port;
  if (notify.live() && port->srights == 0 && sync <= port->mscount) fire_no_senders(port);
  return KERN_SUCCESS;
}

// ports 8.5
kern_return_t Model::request_port_destroyed(Space& space, Name name, uint32_t sync, const Right& notify) {
  if (sync != 0) return KERN_INVALID_VALUE;
  if (!MACH_PORT_VALID(name)) return KERN_INVALID_RIGHT;
  Port* port = nullptr;
  const kern_return_t code = find_receive(space, name, port);
  if (code != KERN_SUCCESS) return code;
  if (port->port_destroyed != nullptr) return KERN_FAILURE;
  port->port_destroyed = notify.port;
  return KERN_SUCCESS;
}

// The request table grows to the next size when a request finds no slot; slot 0 is never used (ports 7.15).
// What has fired takes no slot here (docs/divergences.md).
static void take_slot(Port& port) {
  static constexpr uint32_t kSizes[] = {2, 4, 6, 8, 12, 16, 24, 36};
  const auto live = std::count_if(port.requests.begin(), port.requests.end(),
                                  [](const Request& request) { return request.notify != nullptr; });
  const auto needed = static_cast<uint32_t>(live) + 1;
  for (uint32_t size : kSizes) {
    if (port.request_slots >= needed) return;
    if (size > port.request_slots) port.request_slots = size;
  }
}

// ports 8.3, 8.4
kern_return_t Model::request_on_name(Space& space, Name name, bool dead_name, uint32_t sync,
                                     const Right& notify, Right& previous) {
  if (!MACH_PORT_VALID(name)) return KERN_INVALID_ARGUMENT;
  Entry* entry = space.find(name);
  if (entry == nullptr) return KERN_INVALID_NAME;
  const bool dead = check_dead(space, *entry);
  if (!notify.live()) {
    previous = send_once(dead ? nullptr : cancel_request(*entry));
    return KERN_SUCCESS;
  }
  if (dead) {
    if (dead_name && sync == 0) return KERN_INVALID_ARGUMENT;
    add_urefs(*entry, 1);
    post(notify.port, notice(MACH_NOTIFY_DEAD_NAME, notify.port, {0, 1, name}));
    return KERN_SUCCESS;
  }
  if (entry->has(MACH_PORT_TYPE_PORT_SET)) return KERN_INVALID_RIGHT;
  previous = send_once(cancel_request(*entry));
  if (!dead_name && sync != 0 && (entry->has(MACH_PORT_TYPE_SEND_ONCE) || !entry->port->full())) {
    post(notify.port, notice(MACH_NOTIFY_SEND_POSSIBLE, notify.port, {0, 1, name}));
    return KERN_SUCCESS;
  }
  const Request::State state = dead_name   ? Request::State::dead_name
                               : sync != 0 ? Request::State::send_possible
                                           : Request::State::send_possible_unarmed;
  entry->port->requests.push_back({&space, name, notify.port, state});
  entry->request = &entry->port->requests.back();
  take_slot(*entry->port);
  return KERN_SUCCESS;
}

}  // namespace portolan::model
