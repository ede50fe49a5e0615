// SPDX-License-Identifier: Apache-2.0
// One download. There is no network here: a socket makes up its bytes.
#ifndef BROWSER_NET_SOCKET_H_
#define BROWSER_NET_SOCKET_H_

#include <mach/mach.h>

#include <cstdint>

namespace net {

class Socket {
 public:
  // Takes over `reply`, a send-once right, and answers the request on it.
  Socket(uint32_t resource, uint32_t bytes, mach_port_t reply);
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
  mach_port_t reply_;
  vm_address_t content_ = 0;
};

// Sends `count` events to `sink`, a send right that it takes over, and releases it.
void SendEvents(mach_port_t sink, uint32_t count);

}  // namespace net

#endif  // BROWSER_NET_SOCKET_H_
