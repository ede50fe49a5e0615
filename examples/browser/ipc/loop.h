// SPDX-License-Identifier: Apache-2.0
// The threads of a service.
#ifndef BROWSER_IPC_LOOP_H_
#define BROWSER_IPC_LOOP_H_

#include <memory>
#include <portolan/portolan.hpp>
#include <vector>

#include "base/thread.h"

namespace ipc {

class Loop {
 public:
  explicit Loop(portolan::service& service) : service_(service) {}
  ~Loop() { Stop(); }
  Loop(const Loop&) = delete;
  Loop& operator=(const Loop&) = delete;

  // Starts so many threads more.
  void Start(unsigned threads) {
    for (unsigned i = 0; i < threads; i++) {
      threads_.push_back(std::make_unique<base::Thread>([this] { service_.run().value(); }));
    }
  }

  // Lets every thread finish what it is doing, and joins it. For good.
  void Stop() {
    service_.stop();
    threads_.clear();
  }

 private:
  portolan::service& service_;
  std::vector<std::unique_ptr<base::Thread>> threads_;
};

}  // namespace ipc

#endif  // BROWSER_IPC_LOOP_H_
