// SPDX-License-Identifier: Apache-2.0
// A message loop over a port set.
#include "ipc/loop.h"

#include <utility>

#include "base/logging.h"
#include "ipc/messages.h"
#include "ipc/port.h"

namespace ipc {

Loop::Loop(Handler handler) : handler_(std::move(handler)) {
  CHECK_KR(mach_port_allocate(mach_task_self(), MACH_PORT_RIGHT_PORT_SET, &set_), "mach_port_allocate");
  stop_ = NewPort();
  Add(stop_);
}

Loop::~Loop() {
  Stop();
  DropReceive(stop_);
  CHECK_KR(mach_port_mod_refs(mach_task_self(), set_, MACH_PORT_RIGHT_PORT_SET, -1), "mach_port_mod_refs");
}

void Loop::Add(mach_port_t port) {
  CHECK_KR(mach_port_insert_member(mach_task_self(), port, set_), "mach_port_insert_member");
}

void Loop::Start(unsigned threads) {
  for (unsigned i = 0; i < threads; i++) {
    threads_.push_back(std::make_unique<base::Thread>([this] { Run(); }));
  }
}

void Loop::Stop() {
  for (size_t i = 0; i < threads_.size(); i++) {
    mach_msg_header_t stop = {};
    stop.msgh_bits = MACH_MSGH_BITS(MACH_MSG_TYPE_MAKE_SEND, 0);
    stop.msgh_remote_port = stop_;
    stop.msgh_id = kStop;
    CHECK_KR(mach_msg(&stop, MACH_SEND_MSG, sizeof stop, 0, MACH_PORT_NULL, 0, MACH_PORT_NULL), "mach_msg");
  }
  for (auto& thread : threads_) thread->Join();
  threads_.clear();
}

void Loop::Run() {
  Buffer buffer;
  for (;;) {
    const kern_return_t result =
        mach_msg(&buffer.header, MACH_RCV_MSG, 0, sizeof buffer, set_, MACH_MSG_TIMEOUT_NONE, MACH_PORT_NULL);
    if (result == MACH_RCV_TOO_LARGE) continue;  // no message of ours; it is destroyed already
    CHECK_KR(result, "mach_msg");
    if (buffer.header.msgh_local_port == stop_) return;
    handler_(&buffer.header);
    mach_msg_destroy(&buffer.header);
  }
}

}  // namespace ipc
