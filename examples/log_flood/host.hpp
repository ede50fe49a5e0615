// SPDX-License-Identifier: Apache-2.0
// The host app: slower than the sensor.
#ifndef LOG_FLOOD_HOST_HPP_
#define LOG_FLOOD_HOST_HPP_

namespace log_flood {

// Serves `name` until it is asked to finish. Returns the exit status of the process.
int run_host(const char* name);

}  // namespace log_flood

#endif  // LOG_FLOOD_HOST_HPP_
