// SPDX-License-Identifier: Apache-2.0
// The namespace of services: how a server and its clients find each other.
#ifndef PORTOLAN_BOOTSTRAP_HPP_
#define PORTOLAN_BOOTSTRAP_HPP_

#include <mach/mach.h>
#include <servers/bootstrap.h>
#include <time.h>
#include <portolan/result.hpp>
#include <portolan/right.hpp>

#include <algorithm>
#include <chrono>

// `ns` is a send right to the namespace that is meant, which is this task's unless said otherwise. It is not
// consumed. Names are cut at 127 bytes.
namespace portolan::bootstrap {

// The receive right of a service. BOOTSTRAP_NOT_PRIVILEGED if the name is another task's,
// BOOTSTRAP_SERVICE_ACTIVE if this task has it already.
inline result<receive_right> check_in(const char* name, mach_port_t ns = bootstrap_port) noexcept {
  mach_port_t port = MACH_PORT_NULL;
  const kern_return_t code = bootstrap_check_in(ns, name, &port);
  if (code != BOOTSTRAP_SUCCESS) return error(code, "bootstrap_check_in");
  return receive_right::adopt(port);
}

// A right to send to a service. BOOTSTRAP_UNKNOWN_SERVICE if there is none.
inline result<send_right> look_up(const char* name, mach_port_t ns = bootstrap_port) noexcept {
  mach_port_t port = MACH_PORT_NULL;
  const kern_return_t code = bootstrap_look_up(ns, name, &port);
  if (code != BOOTSTRAP_SUCCESS) return error(code, "bootstrap_look_up");
  return send_right::adopt(port);
}

// The same, waiting so long for a server that may not have come up yet.
template <class Rep, class Period>
result<send_right> look_up(const char* name, std::chrono::duration<Rep, Period> patience,
                           mach_port_t ns = bootstrap_port) noexcept {
  const auto deadline = std::chrono::steady_clock::now() + patience;
  for (;;) {
    result<send_right> found = look_up(name, ns);
    if (found || !(found.error() == BOOTSTRAP_UNKNOWN_SERVICE)) return found;
    if (std::chrono::steady_clock::now() >= deadline) return found;
    const timespec moment = {0, 5'000'000};
    nanosleep(&moment, nullptr);
  }
}

// A namespace inside this one, which lives as long as the port `requestor`; BOOTSTRAP_NO_MEMORY if that is
// dead.
inline result<send_right> subset(const send_right& requestor, mach_port_t ns = bootstrap_port) noexcept {
  mach_port_t port = MACH_PORT_NULL;
  const kern_return_t code = bootstrap_subset(ns, requestor.get(), &port);
  if (code != BOOTSTRAP_SUCCESS) return error(code, "bootstrap_subset");
  return send_right::adopt(port);
}

// The namespace that this one lies in. BOOTSTRAP_NOT_PRIVILEGED for those who may not know.
inline result<send_right> parent(mach_port_t ns = bootstrap_port) noexcept {
  mach_port_t port = MACH_PORT_NULL;
  const kern_return_t code = bootstrap_parent(ns, &port);
  if (code != BOOTSTRAP_SUCCESS) return error(code, "bootstrap_parent");
  return send_right::adopt(port);
}

}  // namespace portolan::bootstrap

#endif  // PORTOLAN_BOOTSTRAP_HPP_
