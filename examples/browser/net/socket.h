// SPDX-License-Identifier: Apache-2.0
// One download. There is no network here: a socket makes up its bytes.
#ifndef BROWSER_NET_SOCKET_H_
#define BROWSER_NET_SOCKET_H_

#include <cstdint>

#include "ipc/messages.h"

namespace net {

class Socket {
 public:
  // Answers the request when it has run.
  Socket(const ipc::ResourceInfo& wanted, portolan::reply_to<ipc::Loaded> reply);
  Socket(const Socket&) = delete;
  Socket& operator=(const Socket&) = delete;

  // From connecting to the answer, on the calling thread.
  void Run();

 private:
  void OnConnect();
  void OnRead();
  void OnClose();

  const uint32_t resource_;
  const uint32_t bytes_;
  uint32_t read_ = 0;
  portolan::reply_to<ipc::Loaded> reply_;
  portolan::ool_memory content_;
};

// Sends so many events.
void SendEvents(const portolan::send_right& sink, uint32_t count);

}  // namespace net

#endif  // BROWSER_NET_SOCKET_H_
