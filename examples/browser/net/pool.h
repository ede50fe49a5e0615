// SPDX-License-Identifier: Apache-2.0
// Short-lived threads: one for each job, joined when they are done.
#ifndef BROWSER_NET_POOL_H_
#define BROWSER_NET_POOL_H_

#include <cstdint>
#include <functional>
#include <list>
#include <memory>
#include <mutex>

#include "base/thread.h"

namespace net {

class Pool {
 public:
  Pool() = default;
  ~Pool();
  Pool(const Pool&) = delete;
  Pool& operator=(const Pool&) = delete;

  // Runs `job` on a thread of its own.
  void Start(std::function<void()> job);

  // Waits for all that were started.
  void Finish();

  // How many were started.
  uint64_t Started();

 private:
  struct Worker {
    base::Flag done;
    std::unique_ptr<base::Thread> thread;
  };

  std::mutex lock_;
  std::list<std::unique_ptr<Worker>> workers_;  // under the lock
  uint64_t started_ = 0;                        // under the lock
};

}  // namespace net

#endif  // BROWSER_NET_POOL_H_
