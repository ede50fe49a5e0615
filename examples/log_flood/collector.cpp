// SPDX-License-Identifier: Apache-2.0
#include "collector.hpp"

#include <algorithm>
#include <chrono>
#include <utility>

namespace log_flood {

using namespace std::chrono_literals;

collector::collector(portolan::send_right host) : host_(std::move(host)) {
  waiting_.reserve(kRoom);
  sender_ = std::thread([this] { run(); });
}

collector::~collector() { finish(); }

void collector::put(const event& seen) {
  const std::lock_guard<std::mutex> guard(lock_);
  // What is dropped is the newest, until there is room again: the count belongs in front of the next event
  // that is taken.
  if (finishing_ || waiting_.size() == kRoom || dropped_here_ != 0) {
    dropped_here_++;
    dropped_++;
    return;
  }
  waiting_.push_back(seen);
  if (waiting_.size() == kBatch) changed_.notify_one();
}

void collector::finish() {
  {
    const std::lock_guard<std::mutex> guard(lock_);
    finishing_ = true;
  }
  changed_.notify_one();
  if (sender_.joinable()) sender_.join();
}

uint64_t collector::dropped() const {
  const std::lock_guard<std::mutex> guard(lock_);
  return dropped_;
}

void collector::run() {
  std::vector<event> taken;
  taken.reserve(kRoom);
  for (bool last = false; !last;) {
    uint64_t dropped_behind = 0;
    {
      std::unique_lock<std::mutex> guard(lock_);
      changed_.wait_for(guard, 10ms, [this] { return finishing_ || waiting_.size() >= kBatch; });
      last = finishing_;
      taken.swap(waiting_);
      dropped_behind = std::exchange(dropped_here_, 0);
    }
    // The taken ones come before those that were dropped; batches say what is missing in front of them.
    for (std::size_t at = 0; at < taken.size(); at += kBatch) {
      const auto end = taken.begin() + static_cast<std::ptrdiff_t>(std::min(at + kBatch, taken.size()));
      if (!send_batch({taken.begin() + static_cast<std::ptrdiff_t>(at), end}, 0)) return;
    }
    if (dropped_behind != 0 && !send_batch({}, dropped_behind)) return;
    taken.clear();
  }
}

// Waits until the host has room, which is what throttles us. False: it is gone.
bool collector::send_batch(const std::vector<event>& events, uint64_t dropped) {
  const portolan::result<void> sent = portolan::send(host_, batch{{dropped}, portolan::bytes_of(events)});
  return sent.has_value();
}

}  // namespace log_flood
