// SPDX-License-Identifier: Apache-2.0
// Three shapes of a sensor, under the same flood.
#ifndef LOG_FLOOD_FLOOD_HPP_
#define LOG_FLOOD_FLOOD_HPP_

#include <chrono>
#include <cstddef>
#include <cstdint>

#include "protocol.hpp"

namespace log_flood {

struct outcome {
  uint64_t events = 0;         // that the sensor saw
  uint64_t dropped = 0;        // that it dropped, and knows of
  std::size_t most_ports = 0;  // names in its space at a time
  std::size_t most_bytes = 0;  // events in its memory at a time
  bool gave_up = false;        // where the real one is killed
};

// Each event is sent at once, as a request with a reply port of its own: ports pile up, until PORT_SPACE
// kills the process.
outcome concurrent(const portolan::send_right& host, std::chrono::milliseconds time);

// Each event waits for the acknowledgement of the one before: the backlog grows, until memory kills it.
outcome serial(const portolan::send_right& host, std::chrono::milliseconds time);

// The collector: bounded ports, bounded memory.
outcome bounded(const portolan::send_right& host, std::chrono::milliseconds time);

}  // namespace log_flood

#endif  // LOG_FLOOD_FLOOD_HPP_
