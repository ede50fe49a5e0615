// SPDX-License-Identifier: Apache-2.0
// What the browser keeps of a renderer, and the thread that paints through it.
#ifndef BROWSER_BROWSER_CLIENT_H_
#define BROWSER_BROWSER_CLIENT_H_

#include <mach/mach.h>

#include <atomic>
#include <cstdint>
#include <memory>
#include <vector>

#include "base/thread.h"
#include "ipc/messages.h"

namespace browser {

class Client {
 public:
  // Takes over send rights to the renderer's ports.
  Client(int32_t pid, uint32_t index, const mach_port_t (&ports)[ipc::kRendererPorts]);
  ~Client();
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  // The receive right on which the renderer's requests come in; a member of the browser's loop.
  mach_port_t channel() const { return channel_; }
  int32_t pid() const { return pid_; }

  // Asks for a message on the channel when the renderer, or whoever else has a right to it, is gone.
  void WatchSenders();

  void StartPainting();
  void StopPainting();

  // Tells the renderer to come to an end.
  void Quit();

  uint64_t painted() const { return painted_.load(); }
  uint64_t missed() const { return missed_.load(); }

 private:
  void Paint();
  void PaintFrame(uint32_t frame);

  const int32_t pid_;
  const uint32_t index_;
  mach_port_t ports_[ipc::kRendererPorts];
  const mach_port_t channel_;
  mach_port_t paint_reply_;           // the painting thread's
  std::vector<mach_port_t> awaited_;  // reply ports whose answer did not come in time, but still may
  base::Flag stop_;
  std::unique_ptr<base::Thread> painter_;
  std::atomic<uint64_t> painted_{0};
  std::atomic<uint64_t> missed_{0};
};

}  // namespace browser

#endif  // BROWSER_BROWSER_CLIENT_H_
