// SPDX-License-Identifier: Apache-2.0
#include "flood.hpp"

#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>

#include "collector.hpp"

namespace log_flood {

namespace {

using std::chrono::steady_clock;

// Where we give up, long before the kernel does.
constexpr std::size_t kTooManyPorts = 20'000;
constexpr std::size_t kTooManyBytes = std::size_t{64} << 20;

// The next write that somebody makes, as fast as the machine can.
event next_event(uint64_t number) {
  event seen = {number, static_cast<uint32_t>(getpid()), static_cast<uint32_t>(number % 4096),
                "/var/log/system.log"};
  return seen;
}

std::size_t ports_of_this_task() {
  ipc_info_space_basic_t info = {};
  if (mach_port_space_basic_info(mach_task_self(), &info) != KERN_SUCCESS) return 0;
  return info.iisb_table_inuse;
}

}  // namespace

outcome concurrent(const portolan::send_right& host, std::chrono::milliseconds time) {
  outcome result;
  struct request {
    portolan::receive_right reply_port;
    portolan::send_once_right reply;  // until it is sent
    single message;
  };
  std::deque<request> open;  // by number, the first being the oldest
  std::size_t sent = 0;      // of those that are open
  const auto end = steady_clock::now() + time;
  while (steady_clock::now() < end && !result.gave_up) {
    auto reply_port = portolan::receive_right::allocate();
    if (!reply_port || open.size() >= kTooManyPorts) {
      result.gave_up = true;
      break;
    }
    auto reply = reply_port->make_send_once().value();
    open.push_back({std::move(*reply_port), std::move(reply), single{next_event(result.events++)}});
    // A request that the host has no room for is as it was before.
    while (sent < open.size() && portolan::ask(host, open[sent].message, std::move(open[sent].reply),
                                               std::chrono::milliseconds(0))) {
      sent++;
    }
    while (sent > 0 && portolan::receive<noted>(open.front().reply_port, std::chrono::milliseconds(0))) {
      open.pop_front();
      sent--;
    }
    if (result.events % 256 == 0) result.most_ports = std::max(result.most_ports, ports_of_this_task());
    result.most_bytes = std::max(result.most_bytes, open.size() * sizeof(event));
  }
  result.most_ports = std::max(result.most_ports, ports_of_this_task());
  result.dropped = open.size() - sent;
  return result;
}

outcome serial(const portolan::send_right& host, std::chrono::milliseconds time) {
  outcome result;
  std::mutex lock;
  std::deque<event> backlog;  // under the lock
  std::atomic<bool> done{false};
  std::thread queue([&] {
    while (!done) {
      event next = {};
      {
        const std::lock_guard<std::mutex> guard(lock);
        if (backlog.empty()) continue;
        next = backlog.front();
        backlog.pop_front();
      }
      if (!portolan::call<noted>(host, single{next})) return;
    }
  });
  const auto end = steady_clock::now() + time;
  while (steady_clock::now() < end && !result.gave_up) {
    const std::lock_guard<std::mutex> guard(lock);
    for (int i = 0; i < 16; i++) backlog.push_back(next_event(result.events++));
    result.most_bytes = std::max(result.most_bytes, backlog.size() * sizeof(event));
    result.gave_up = result.most_bytes >= kTooManyBytes;
  }
  done = true;
  queue.join();
  result.most_ports = ports_of_this_task();
  result.dropped = backlog.size();
  return result;
}

outcome bounded(const portolan::send_right& host, std::chrono::milliseconds time) {
  outcome result;
  collector sensor(host.copy().value());
  const auto end = steady_clock::now() + time;
  while (steady_clock::now() < end) {
    sensor.put(next_event(result.events++));
    if (result.events % 256 == 0) result.most_ports = std::max(result.most_ports, ports_of_this_task());
  }
  sensor.finish();
  result.dropped = sensor.dropped();
  result.most_bytes = collector::room();
  return result;
}

}  // namespace log_flood
