// SPDX-License-Identifier: Apache-2.0
// What the browser keeps of a renderer, and the thread that paints through it.
#ifndef BROWSER_BROWSER_CLIENT_H_
#define BROWSER_BROWSER_CLIENT_H_

#include <atomic>
#include <cstdint>
#include <memory>
#include <vector>

#include "base/thread.h"
#include "ipc/messages.h"

namespace browser {

class Client {
 public:
  // `ports` lead to the renderer: kRendererPorts of them.
  Client(const ipc::RendererInfo& renderer, std::vector<portolan::send_right> ports);
  ~Client();
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  // The port on which the renderer's requests come in.
  const portolan::receive_right& channel() const { return channel_; }

  void StartPainting();
  void StopPainting();

  // Tells the renderer to come to an end.
  void Quit();

  uint64_t painted() const { return painted_.load(); }
  uint64_t missed() const { return missed_.load(); }

 private:
  void Paint();
  void PaintFrame(uint32_t frame);
  portolan::result<ipc::Painted> AskForFrame(uint32_t frame, portolan::ool_memory list);

  const ipc::RendererInfo renderer_;
  const std::vector<portolan::send_right> ports_;
  const portolan::receive_right channel_;
  portolan::receive_right paint_reply_;  // the painting thread's
  std::vector<portolan::receive_right>
      awaited_;  // reply ports whose answer did not come in time, but still may
  base::Flag stop_;
  std::unique_ptr<base::Thread> painter_;
  std::atomic<uint64_t> painted_{0};
  std::atomic<uint64_t> missed_{0};
};

}  // namespace browser

#endif  // BROWSER_BROWSER_CLIENT_H_
