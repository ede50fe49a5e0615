// SPDX-License-Identifier: Apache-2.0
// The browser process: starts renderers, serves them, and counts what it leaked.
#ifndef BROWSER_BROWSER_BROWSER_H_
#define BROWSER_BROWSER_BROWSER_H_

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
  void AddHandlers();
  // On the threads of the loop.
  void OnConnect(ipc::Connect& request, portolan::reply_to<ipc::Connected> reply);
  void OnLoad(const ipc::Load& request, portolan::reply_to<ipc::Loaded> reply);
  void OnSubscribe(ipc::Subscribe& request);

  void StartHelpers();
  void StopHelpers();
  bool AllConnected();
  void Report(double seconds, unsigned long failed);

  const Options options_;
  portolan::service service_;
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
