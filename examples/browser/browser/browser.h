// SPDX-License-Identifier: Apache-2.0
// The browser process: starts renderers, serves them, and counts what it leaked.
#ifndef BROWSER_BROWSER_BROWSER_H_
#define BROWSER_BROWSER_BROWSER_H_

#include <mach/mach.h>

#include <atomic>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "base/thread.h"
#include "browser/client.h"
#include "browser/options.h"
#include "browser/process.h"
#include "ipc/loop.h"
#include "ipc/messages.h"
#include "net/pool.h"

namespace browser {

class Browser {
 public:
  explicit Browser(const Options& options);
  ~Browser();
  Browser(const Browser&) = delete;
  Browser& operator=(const Browser&) = delete;

  // The whole life of the program, which was started as `program`. Returns its exit status.
  int Run(const std::string& program);

 private:
  // On the threads of the loop.
  void OnMessage(mach_msg_header_t* message);
  void OnConnect(ipc::ConnectRequest* request);
  void OnLoad(ipc::LoadRequest* request);
  void OnSubscribe(ipc::SubscribeRequest* request);

  void StartHelpers();
  void StopHelpers();
  bool AllConnected();
  void Report(double seconds, unsigned long failed);

  const Options options_;
  mach_port_t service_ = MACH_PORT_NULL;  // a receive right, checked in
  ipc::Loop loop_;
  net::Pool pool_;
  std::mutex lock_;
  std::vector<std::unique_ptr<Client>> clients_;  // grows under the lock
  std::vector<Process> renderers_;
  base::Flag stop_;
  std::vector<std::unique_ptr<base::Thread>> helpers_;
  std::atomic<uint64_t> loads_{0};
};

}  // namespace browser

#endif  // BROWSER_BROWSER_BROWSER_H_
