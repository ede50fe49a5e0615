// SPDX-License-Identifier: Apache-2.0
// The ports and sets that the process's kernel queues watch, by name, and the one thread that waits for all
// of them: it activates the knotes of what has fired (ipc/watch.hpp). There while anything is watched.
#pragma once

#include <mach/port.h>

#include <atomic>

#include "ipc/watch.hpp"

namespace portolan::kq {

class Kqueue;

// One more knote of the queue watches what the process holds under this name, or one fewer; with the queue's
// lock. 0; ENOENT: no such name; ENOTSUP: neither a receive right nor a set; ENOMEM.
int port_watch(Kqueue& kqueue, mach_port_name_t name);
void port_unwatch(Kqueue& kqueue, mach_port_name_t name);
// The queue's knotes of this name are to be activated by the next message.
ipc::Armed port_arm(const Kqueue& kqueue, mach_port_name_t name, ipc::Arm how);

// Activates the queue's knotes of what has fired; with the queue's lock.
void port_collect(Kqueue& kqueue);

// A thread that waits for ports itself, instead of in its queue's epoll: for queues that watch nothing else.
// It is woken before the thread that serves all, whatever has fired, and leaves to that one what is not its
// own.
class PortWait {
 public:
  // Before others know of it. False: this thread cannot.
  bool prepare();
  // 0: woken; ETIMEDOUT, EINTR. Without the queue's lock.
  int wait(uint64_t deadline_ns);
  // Its wait ends, or does not begin. By another thread, with the queue's lock.
  void call_off();

  PortWait* next = nullptr;  // of the queue's

 private:
  std::atomic<bool> called_off_{false};
  uint32_t slot_ = 0;
};

// Around a fork (descriptors.cpp).
void port_watch_before_fork();
void port_watch_in_parent();
void port_watch_in_child();

}  // namespace portolan::kq
