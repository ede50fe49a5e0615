// SPDX-License-Identifier: Apache-2.0
// Rights as objects. Each owns what its class says of one name in this task, gives it up when it ends, and
// can be moved but not copied: nothing leaks, nothing is given up twice. A moved-from object is empty; giving
// an empty one to a call that needs a right ends the program (result.hpp, misuse).
//
// They belong to the process that made them. A child of fork has names of its own: there, release() what was
// inherited.
#ifndef PORTOLAN_RIGHT_HPP_
#define PORTOLAN_RIGHT_HPP_

#include <mach/mach.h>
#include <portolan/result.hpp>

#include <utility>

namespace portolan {

namespace detail {

// After a release that cannot fail unless somebody else released the name, or it never was ours. A task that
// is not (or no longer) part of a domain owns nothing, and has nothing to complain of.
inline void released(kern_return_t code, const char* kind, mach_port_t name) noexcept {
  if (code != KERN_INVALID_NAME && code != KERN_INVALID_RIGHT && code != KERN_INVALID_VALUE) return;
  std::fprintf(stderr, "portolan: misuse: %s 0x%x is released, but is not there any more: %s\n", kind, name,
               mach_error_string(code));
  std::abort();
}

// One owned name; Right::drop(name) gives it up.
template <class Right>
class owner {
 public:
  constexpr owner() noexcept = default;
  owner(owner&& other) noexcept : name_(std::exchange(other.name_, MACH_PORT_NULL)) {}
  owner& operator=(owner&& other) noexcept {
    if (this != &other) {
      reset();
      name_ = std::exchange(other.name_, MACH_PORT_NULL);
    }
    return *this;
  }
  ~owner() { reset(); }

  // Takes over what the caller owns under a name. MACH_PORT_NULL gives an empty object; MACH_PORT_DEAD is a
  // right whose port is known to be dead, and costs nothing.
  [[nodiscard]] static Right adopt(mach_port_t name) noexcept {
    Right right;
    right.name_ = name;
    return right;
  }

  // The name, which stays this object's. MACH_PORT_NULL if it is empty.
  mach_port_t get() const noexcept { return name_; }

  // The name, which is the caller's now.
  [[nodiscard]] mach_port_t release() noexcept { return std::exchange(name_, MACH_PORT_NULL); }

  // Gives up what it owns, and is empty.
  void reset() noexcept {
    const mach_port_t name = release();
    if (MACH_PORT_VALID(name)) Right::drop(name);
  }

  // Is there a name?
  explicit operator bool() const noexcept { return MACH_PORT_VALID(name_); }

 protected:
  // The name, for a call that needs one.
  mach_port_t need() const noexcept {
    if (name_ == MACH_PORT_NULL) misuse("a right is used that was moved away, or never was");
    return name_;
  }

 private:
  mach_port_t name_ = MACH_PORT_NULL;
};

}  // namespace detail

// One user reference of a send right: may send any number of messages to a port. When the port dies it turns
// into a reference of a dead name, and sending through it fails with MACH_SEND_INVALID_DEST.
class [[nodiscard]] send_right : public detail::owner<send_right> {
 public:
  static constexpr mach_msg_type_name_t moved = MACH_MSG_TYPE_MOVE_SEND;

  // One more reference, for another owner. KERN_INVALID_RIGHT if the port has died.
  result<send_right> copy() const noexcept {
    const mach_port_t name = need();
    const kern_return_t code = mach_port_mod_refs(mach_task_self(), name, MACH_PORT_RIGHT_SEND, 1);
    if (code != KERN_SUCCESS) return error(code, "mach_port_mod_refs");
    return adopt(name);
  }

  // Has the port died?
  bool is_dead() const noexcept {
    mach_port_type_t type = 0;
    if (get() == MACH_PORT_DEAD) return true;
    return mach_port_type(mach_task_self(), need(), &type) == KERN_SUCCESS &&
           (type & MACH_PORT_TYPE_DEAD_NAME) != 0;
  }

  static void drop(mach_port_t name) noexcept {
    detail::released(mach_port_deallocate(mach_task_self(), name), "send right", name);
  }
};

// May send one message; given up unused, it sends MACH_NOTIFY_SEND_ONCE to its port.
class [[nodiscard]] send_once_right : public detail::owner<send_once_right> {
 public:
  static constexpr mach_msg_type_name_t moved = MACH_MSG_TYPE_MOVE_SEND_ONCE;

  static void drop(mach_port_t name) noexcept {
    detail::released(mach_port_deallocate(mach_task_self(), name), "send-once right", name);
  }
};

// The port itself: messages are received here, rights to send here are made from it. Given up, the port dies,
// with all messages in its queue.
class [[nodiscard]] receive_right : public detail::owner<receive_right> {
 public:
  static constexpr mach_msg_type_name_t moved = MACH_MSG_TYPE_MOVE_RECEIVE;

  // A new port, without send rights. KERN_NO_SPACE or KERN_RESOURCE_SHORTAGE.
  static result<receive_right> allocate() noexcept {
    mach_port_t name = MACH_PORT_NULL;
    const kern_return_t code = mach_port_allocate(mach_task_self(), MACH_PORT_RIGHT_RECEIVE, &name);
    if (code != KERN_SUCCESS) return error(code, "mach_port_allocate");
    return adopt(name);
  }

  // A new port with room for so many messages.
  static result<receive_right> allocate(mach_port_msgcount_t queue_limit) noexcept {
    return allocate().and_then([queue_limit](receive_right port) -> result<receive_right> {
      const result<void> limited = port.set_queue_limit(queue_limit);
      if (!limited) return limited.error();
      return port;
    });
  }

  // A right to send to this port. KERN_RESOURCE_SHORTAGE and the like.
  result<send_right> make_send() const noexcept {
    const mach_port_t name = need();
    const kern_return_t code = mach_port_insert_right(mach_task_self(), name, name, MACH_MSG_TYPE_MAKE_SEND);
    if (code != KERN_SUCCESS) return error(code, "mach_port_insert_right");
    return send_right::adopt(name);
  }

  // A right to send one message to this port.
  result<send_once_right> make_send_once() const noexcept {
    mach_port_t once = MACH_PORT_NULL;
    mach_msg_type_name_t kind = 0;
    const kern_return_t code =
        mach_port_extract_right(mach_task_self(), need(), MACH_MSG_TYPE_MAKE_SEND_ONCE, &once, &kind);
    if (code != KERN_SUCCESS) return error(code, "mach_port_extract_right");
    return send_once_right::adopt(once);
  }

  // How many messages may wait before senders have to: 5 unless set, 1024 at the most (KERN_INVALID_VALUE).
  result<void> set_queue_limit(mach_port_msgcount_t messages) const noexcept {
    mach_port_limits_t limits = {messages};
    return detail::outcome(
        mach_port_set_attributes(mach_task_self(), need(), MACH_PORT_LIMITS_INFO,
                                 reinterpret_cast<mach_port_info_t>(&limits), MACH_PORT_LIMITS_INFO_COUNT),
        "mach_port_set_attributes");
  }

  // Queue, limits and counts.
  result<mach_port_status_t> status() const noexcept {
    mach_port_status_t status = {};
    mach_msg_type_number_t count = MACH_PORT_RECEIVE_STATUS_COUNT;
    const kern_return_t code = mach_port_get_attributes(mach_task_self(), need(), MACH_PORT_RECEIVE_STATUS,
                                                        reinterpret_cast<mach_port_info_t>(&status), &count);
    if (code != KERN_SUCCESS) return error(code, "mach_port_get_attributes");
    return status;
  }

  static void drop(mach_port_t name) noexcept {
    detail::released(mach_port_mod_refs(mach_task_self(), name, MACH_PORT_RIGHT_RECEIVE, -1), "receive right",
                     name);
  }
};

// One user reference of a dead name, as a dead-name notification brings it.
class [[nodiscard]] dead_name : public detail::owner<dead_name> {
 public:
  static void drop(mach_port_t name) noexcept {
    detail::released(mach_port_deallocate(mach_task_self(), name), "dead name", name);
  }
};

// Several ports to receive from at once. It does not own its members: a port leaves with its receive right.
class [[nodiscard]] port_set : public detail::owner<port_set> {
 public:
  // A new set, without members. KERN_NO_SPACE or KERN_RESOURCE_SHORTAGE.
  static result<port_set> allocate() noexcept {
    mach_port_t name = MACH_PORT_NULL;
    const kern_return_t code = mach_port_allocate(mach_task_self(), MACH_PORT_RIGHT_PORT_SET, &name);
    if (code != KERN_SUCCESS) return error(code, "mach_port_allocate");
    return adopt(name);
  }

  // KERN_ALREADY_IN_SET if it is a member.
  result<void> add(const receive_right& port) const noexcept {
    if (port.get() == MACH_PORT_NULL) detail::misuse("an empty receive right is added to a set");
    return detail::outcome(mach_port_insert_member(mach_task_self(), port.get(), need()),
                           "mach_port_insert_member");
  }

  // KERN_NOT_IN_SET if it is no member.
  result<void> remove(const receive_right& port) const noexcept {
    if (port.get() == MACH_PORT_NULL) detail::misuse("an empty receive right is removed from a set");
    return detail::outcome(mach_port_extract_member(mach_task_self(), port.get(), need()),
                           "mach_port_extract_member");
  }

  static void drop(mach_port_t name) noexcept {
    detail::released(mach_port_mod_refs(mach_task_self(), name, MACH_PORT_RIGHT_PORT_SET, -1), "port set",
                     name);
  }
};

// The calling thread's port. mach_thread_self() hands out one more reference at each call; this object gives
// it back.
inline send_right thread_self() noexcept { return send_right::adopt(mach_thread_self()); }

// The host's port, likewise.
inline send_right host_self() noexcept { return send_right::adopt(mach_host_self()); }

}  // namespace portolan

#endif  // PORTOLAN_RIGHT_HPP_
