// SPDX-License-Identifier: Apache-2.0
// Notifications: messages that the kernel sends once, when something happens to a right. They are received
// like all others; service has handlers for them.
#ifndef PORTOLAN_NOTIFY_HPP_
#define PORTOLAN_NOTIFY_HPP_

#include <mach/mach.h>
#include <portolan/message.hpp>
#include <portolan/part.hpp>
#include <portolan/result.hpp>
#include <portolan/right.hpp>

namespace portolan {

// What notifications say: a name in the space where the request was made, or a count.
struct notified_name {
  NDR_record_t ndr;
  mach_port_name_t name;
};
struct notified_count {
  NDR_record_t ndr;
  mach_msg_type_number_t count;
};

// The last send right is gone; the count is the port's make-send count. It comes to the port that was named
// in the request, usually the port itself.
using no_senders_notification = message<MACH_NOTIFY_NO_SENDERS, notified_count>;
// The port is dead. The name has one more user reference: dead_name::adopt(payload.name).
using dead_name_notification = message<MACH_NOTIFY_DEAD_NAME, notified_name>;
// The receive right was given up, and is here.
using port_destroyed_notification = message<MACH_NOTIFY_PORT_DESTROYED, none, receive_right>;
// A send-once right was given up unused.
using send_once_notification = message<MACH_NOTIFY_SEND_ONCE>;
// The queue that was full has room.
using send_possible_notification = message<MACH_NOTIFY_SEND_POSSIBLE, notified_name>;
// The name went away, and the request with it.
using port_deleted_notification = message<MACH_NOTIFY_PORT_DELETED, notified_name>;

// Where a notification is to go: make_send_once_of(port), or a send-once right to move.
using notification_target = detail::slot<send_once_right>;

namespace detail {

inline result<send_once_right> request_notification(mach_port_t name, mach_msg_id_t what,
                                                    mach_port_mscount_t sync,
                                                    notification_target& to) noexcept {
  if (name == MACH_PORT_NULL)
    misuse("a notification is asked for about a right that was moved away, or never was");
  mach_port_t previous = MACH_PORT_NULL;
  const kern_return_t code = mach_port_request_notification(mach_task_self(), name, what, sync, to.name(),
                                                            to.disposition(), &previous);
  to.settle_name(fate::taken, MACH_PORT_NULL);  // a right that a failing call was given is destroyed
  if (code != KERN_SUCCESS) return error(code, "mach_port_request_notification");
  return send_once_right::adopt(previous);
}

// Takes a request back.
inline result<send_once_right> cancel_notification(mach_port_t name, mach_msg_id_t what) noexcept {
  if (name == MACH_PORT_NULL)
    misuse("a notification is cancelled of a right that was moved away, or never was");
  mach_port_t previous = MACH_PORT_NULL;
  const kern_return_t code = mach_port_request_notification(mach_task_self(), name, what, 0, MACH_PORT_NULL,
                                                            MACH_MSG_TYPE_MAKE_SEND_ONCE, &previous);
  if (code != KERN_SUCCESS) return error(code, "mach_port_request_notification");
  return send_once_right::adopt(previous);
}

}  // namespace detail

// Each asks for one notification, and gives back the right of the request that stood before, if any.
// KERN_INVALID_ARGUMENT and KERN_INVALID_RIGHT if the right is not of the kind, KERN_INVALID_CAPABILITY if
// the target is dead, KERN_RESOURCE_SHORTAGE.

// When the port has no send rights. If `since` many have not been made yet, it waits for the first to be made
// and go.
inline result<send_once_right> notify_no_senders(const receive_right& port, notification_target to,
                                                 mach_port_mscount_t since = 1) noexcept {
  return detail::request_notification(port.get(), MACH_NOTIFY_NO_SENDERS, since, to);
}

// When the port that the right leads to dies; at once if it is dead.
inline result<send_once_right> notify_dead_name(const send_right& right, notification_target to) noexcept {
  return detail::request_notification(right.get(), MACH_NOTIFY_DEAD_NAME, 1, to);
}

// Instead of the port's death: the receive right is sent. KERN_FAILURE if there is such a request already; it
// cannot be taken back.
inline result<send_once_right> notify_port_destroyed(const receive_right& port,
                                                     notification_target to) noexcept {
  return detail::request_notification(port.get(), MACH_NOTIFY_PORT_DESTROYED, 0, to);
}

// Take such a request back, and give its right back: an empty one, or an error, if there was none any more. A
// request for the death of a port should not be left behind by whoever listened: the right would have one
// more user reference when the port dies, and nobody would know.
inline result<send_once_right> cancel_no_senders(const receive_right& port) noexcept {
  return detail::cancel_notification(port.get(), MACH_NOTIFY_NO_SENDERS);
}
inline result<send_once_right> cancel_dead_name(const send_right& right) noexcept {
  return detail::cancel_notification(right.get(), MACH_NOTIFY_DEAD_NAME);
}

}  // namespace portolan

#endif  // PORTOLAN_NOTIFY_HPP_
