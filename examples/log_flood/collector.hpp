// SPDX-License-Identifier: Apache-2.0
// The right shape for a flood: it collects, batches and throttles, and says what it dropped. Its memory and
// its ports are bounded at any rate of events, and every event is accounted for: it arrives, or is counted as
// dropped.
#ifndef LOG_FLOOD_COLLECTOR_HPP_
#define LOG_FLOOD_COLLECTOR_HPP_

#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <thread>
#include <vector>

#include "protocol.hpp"

namespace log_flood {

class collector {
 public:
  // Sends to `host` from a thread of its own.
  explicit collector(portolan::send_right host);
  // Sends what it still has, if it can.
  ~collector();
  collector(const collector&) = delete;
  collector& operator=(const collector&) = delete;

  // Takes an event, or drops it when there is no room. Never waits for the host.
  void put(const event& seen);

  // Sends what is left and stops. Later events are dropped.
  void finish();

  uint64_t dropped() const;

  // The most memory that events take up: those that wait, those that are being sent, and a copy of a batch.
  static constexpr std::size_t room() { return (2 * kRoom + kBatch) * sizeof(event); }

 private:
  static constexpr std::size_t kRoom = 8192;   // events waiting
  static constexpr std::size_t kBatch = 1024;  // events in a message

  void run();
  bool send_batch(const std::vector<event>& events, uint64_t dropped);

  const portolan::send_right host_;
  mutable std::mutex lock_;
  std::condition_variable changed_;
  std::vector<event> waiting_;  // under the lock
  uint64_t dropped_here_ = 0;   // since the last batch was taken; under the lock
  uint64_t dropped_ = 0;        // at all; under the lock
  bool finishing_ = false;      // under the lock
  std::thread sender_;
};

}  // namespace log_flood

#endif  // LOG_FLOOD_COLLECTOR_HPP_
