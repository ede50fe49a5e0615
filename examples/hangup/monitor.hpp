// SPDX-License-Identifier: Apache-2.0
// Waits for a client's hang-up while the session does not listen. poll_monitor.cpp and kqueue_monitor.cpp are
// two ways to.
#pragma once

#include <atomic>
#include <functional>

class Monitor {
 public:
  // Watches `client`, and with `with_wake_up` a pipe as well, through which it can be told to end.
  Monitor(int client, bool with_wake_up, std::function<void()> hung_up);
  // Never returns: for a thread. Calls `hung_up` once.
  void run();
  // Makes run() return, if there is a pipe to tell it.
  void stop();

  // The thread is about to wait.
  bool waits() const { return waits_; }
  // How often it woke and had nothing to do.
  int early_returns() const { return early_; }

 private:
  int client_;
  int wake_[2] = {-1, -1};
  std::function<void()> hung_up_;
  std::atomic<bool> quit_{false}, waits_{false};
  std::atomic<int> early_{0};
};
