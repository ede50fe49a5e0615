// SPDX-License-Identifier: Apache-2.0
// A message loop: threads that receive from a port set and hand each message to one function.
#ifndef BROWSER_IPC_LOOP_H_
#define BROWSER_IPC_LOOP_H_

#include <mach/mach.h>

#include <functional>
#include <memory>
#include <vector>

#include "base/thread.h"

namespace ipc {

class Loop {
 public:
  // Is called on the loop's threads, several at a time. Whatever it leaves in the message is destroyed
  // afterwards: a right that it keeps it replaces by MACH_PORT_NULL.
  using Handler = std::function<void(mach_msg_header_t*)>;

  explicit Loop(Handler handler);
  ~Loop();
  Loop(const Loop&) = delete;
  Loop& operator=(const Loop&) = delete;

  // Receives from this port too. The caller keeps the receive right, and may drop it at any time.
  void Add(mach_port_t port);

  // Starts so many threads more.
  void Start(unsigned threads);

  // Lets every thread finish what it is doing, and joins it.
  void Stop();

 private:
  void Run();

  Handler handler_;
  mach_port_t set_ = MACH_PORT_NULL;
  mach_port_t stop_ = MACH_PORT_NULL;  // a member: one message here ends one thread
  std::vector<std::unique_ptr<base::Thread>> threads_;
};

}  // namespace ipc

#endif  // BROWSER_IPC_LOOP_H_
