// SPDX-License-Identifier: Apache-2.0
// What the service and its client have agreed on.
#ifndef ON_DEMAND_ECHO_HPP_
#define ON_DEMAND_ECHO_HPP_

#include <portolan/portolan.hpp>

namespace echo {

inline constexpr char kService[] = "com.example.on-demand-echo";

struct line {
  int32_t number;
  int32_t pid;  // of who answered
};

using say = portolan::message<2000, line>;   // wants said
using said = portolan::message<2100, line>;  // the same number

}  // namespace echo

#endif  // ON_DEMAND_ECHO_HPP_
