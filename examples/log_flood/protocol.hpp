// SPDX-License-Identifier: Apache-2.0
// What the sensor sends, and the host counts.
#ifndef LOG_FLOOD_PROTOCOL_HPP_
#define LOG_FLOOD_PROTOCOL_HPP_

#include <cstdint>
#include <portolan/portolan.hpp>

namespace log_flood {

// One write that the sensor saw.
struct event {
  uint64_t number;  // from 0
  uint32_t pid;
  uint32_t bytes;
  char path[48];
};

// Many of them: how many are missing in front of these, and the rest out of line.
struct batch_head {
  uint64_t dropped;
};
using batch = portolan::message<3000, batch_head, portolan::ool_memory>;

// One of them, which wants to be acknowledged.
using single = portolan::message<3001, event>;
using noted = portolan::message<3101>;

// The end: what has the host seen?
struct totals {
  uint64_t arrived;
  uint64_t dropped;    // as the batches said
  uint64_t disorders;  // events that were not the next, dropped ones aside
};
using finish = portolan::message<3002>;
using finished = portolan::message<3102, totals>;

}  // namespace log_flood

#endif  // LOG_FLOOD_PROTOCOL_HPP_
