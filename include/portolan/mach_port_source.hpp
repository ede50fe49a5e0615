// SPDX-License-Identifier: Apache-2.0
// A port, the run loop that receives from it, and what happens when it is no longer valid, as one object.
#ifndef PORTOLAN_MACH_PORT_SOURCE_HPP_
#define PORTOLAN_MACH_PORT_SOURCE_HPP_

#include <mach/mach.h>
#include <portolan/listener.hpp>
#include <portolan/result.hpp>
#include <portolan/right.hpp>
#include <portolan/run_loop.hpp>

#include <memory>
#include <utility>

namespace portolan {

// Valid from its start until invalidate(), or until the loop is told that the receive right has gone
// (somebody has moved or destroyed it by its name). Then on_invalid() is called, once; it may destroy this
// object. The destructor gives up the port, too, and calls nobody.
class [[nodiscard]] mach_port_source {
 public:
  // Receives in the loop, f(received_message&), from a port that belongs to the source from now on. If it
  // fails, as run_loop::receive does, the port is still the caller's.
  template <class F, class G = detail::nothing>
  static result<mach_port_source> make(run_loop& loop, receive_right&& port, F handler, G on_invalid = {}) {
    auto made = std::make_unique<state>();
    result<loop_source> source = loop.receive(port, std::move(handler), [at = made.get()] {
      static_cast<void>(at->port.release());  // it is not there any more
      at->invalidate();
    });
    if (!source) return source.error();
    made->source = *std::move(source);
    made->port = std::move(port);
    made->on_invalid.set(std::move(on_invalid));
    return mach_port_source(std::move(made));
  }

  bool is_valid() const noexcept { return state_ != nullptr && state_->port; }
  // The port's name; MACH_PORT_NULL if it is invalid.
  mach_port_t name() const noexcept { return is_valid() ? state_->port.get() : MACH_PORT_NULL; }
  // A right to send to it. KERN_INVALID_RIGHT if it is invalid; KERN_RESOURCE_SHORTAGE.
  result<send_right> make_send() const noexcept {
    if (!is_valid()) return error(KERN_INVALID_RIGHT, "mach_port_source::make_send");
    return state_->port.make_send();
  }

  // Gives up the port, and calls on_invalid. Of an invalid one: does nothing.
  void invalidate() {
    if (is_valid()) state_->invalidate();
  }

  // The port, which is the caller's now. Nobody receives from it and on_invalid is not called. Empty if it is
  // invalid.
  [[nodiscard]] receive_right release() noexcept {
    if (state_ == nullptr) return {};
    state_->source.cancel();
    receive_right port = std::move(state_->port);
    state_.reset();
    return port;
  }

 private:
  struct state {
    // Nothing of this is touched after on_invalid, which may destroy it.
    void invalidate() {
      source.cancel();
      port.reset();
      const detail::listener<> told = std::move(on_invalid);
      told();
    }

    receive_right port;
    detail::listener<> on_invalid;
    loop_source source;
  };

  explicit mach_port_source(std::unique_ptr<state> made) noexcept : state_(std::move(made)) {}

  std::unique_ptr<state> state_;
};

}  // namespace portolan

#endif  // PORTOLAN_MACH_PORT_SOURCE_HPP_
