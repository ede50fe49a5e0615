// SPDX-License-Identifier: Apache-2.0
// What echo_client and echo_server have agreed on.
#ifndef ECHO_ECHO_HPP_
#define ECHO_ECHO_HPP_

#include <portolan/portolan.hpp>

namespace echo {

inline constexpr char kService[] = "com.example.echo";

struct line {
  char text[120];
};

using say = portolan::message<1000, line>;   // wants said
using said = portolan::message<1100, line>;  // the same, louder
using quit = portolan::message<1001>;        // wants no answer

}  // namespace echo

#endif  // ECHO_ECHO_HPP_
