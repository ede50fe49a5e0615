// SPDX-License-Identifier: Apache-2.0
// A renderer process. It never logs by itself, so it does not leak thread ports: its lines go to the browser.
#include "renderer/renderer.h"

#include <servers/bootstrap.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cstdio>
#include <memory>
#include <vector>

#include "base/logging.h"
#include "base/thread.h"
#include "ipc/loop.h"
#include "ipc/messages.h"
#include "ipc/port.h"
#include "renderer/loader.h"

namespace renderer {

namespace {

constexpr unsigned kLoopThreads = 4;
constexpr uint32_t kLoaders = 4;
constexpr uint32_t kUnansweredMost = 12;

class Renderer {
 public:
  explicit Renderer(const Options& options)
      : options_(options), loop_([this](mach_msg_header_t* message) { OnMessage(message); }) {
    for (mach_port_t& port : ports_) {
      port = ipc::NewPort(16);
      loop_.Add(port);
    }
  }

  int Run() {
    Connect();
    loop_.Start(kLoopThreads);
    std::atomic<bool> good{true};
    std::vector<std::unique_ptr<base::Thread>> loaders;
    for (uint32_t i = 0; i < kLoaders; i++) {
      loaders.push_back(std::make_unique<base::Thread>([this, i, &good] {
        if (!LoadUntil(channel_, options_.index * kLoaders + i, &quit_)) good = false;
      }));
    }
    while (!quit_.Wait(std::chrono::hours(1))) {
    }
    loaders.clear();
    loop_.Stop();
    ipc::DropSend(channel_);
    for (mach_port_t port : ports_) ipc::DropReceive(port);
    if (options_.unanswered) {
      std::printf("renderer %u (%d): left %u requests unanswered\n", options_.index,
                  static_cast<int>(getpid()), unanswered_.load());
    }
    if (!good) std::fprintf(stderr, "renderer %u: something went wrong\n", options_.index);
    return good ? 0 : 1;
  }

 private:
  // Finds the browser and gets a channel in exchange for rights to our ports.
  void Connect() {
    mach_port_t service = MACH_PORT_NULL;
    CHECK_KR(bootstrap_look_up(bootstrap_port, options_.service.c_str(), &service), options_.service.c_str());
    const mach_port_t reply_port = ipc::NewPort();
    ipc::Buffer buffer;
    buffer.connect = {};
    buffer.header.msgh_bits =
        MACH_MSGH_BITS(MACH_MSG_TYPE_COPY_SEND, MACH_MSG_TYPE_MAKE_SEND_ONCE) | MACH_MSGH_BITS_COMPLEX;
    buffer.header.msgh_remote_port = service;
    buffer.header.msgh_id = ipc::kConnect;
    buffer.connect.body.msgh_descriptor_count = 1;
    buffer.connect.ports.address = ports_;
    buffer.connect.ports.count = ipc::kRendererPorts;
    buffer.connect.ports.copy = MACH_MSG_PHYSICAL_COPY;
    buffer.connect.ports.disposition = MACH_MSG_TYPE_MAKE_SEND;
    buffer.connect.ports.type = MACH_MSG_OOL_PORTS_DESCRIPTOR;
    buffer.connect.pid = getpid();
    buffer.connect.index = options_.index;
    CHECK_KR(ipc::Call(&buffer, sizeof(ipc::ConnectRequest), reply_port, 10000), "connecting to the browser");
    channel_ = buffer.connect_reply.channel.name;
    ipc::DropReceive(reply_port);
    ipc::DropSend(service);
    // Should the browser die, we go too.
    mach_port_t previous = MACH_PORT_NULL;
    CHECK_KR(
        mach_port_request_notification(mach_task_self(), channel_, MACH_NOTIFY_DEAD_NAME, 1,
                                       ports_[ipc::kCommandPort], MACH_MSG_TYPE_MAKE_SEND_ONCE, &previous),
        "mach_port_request_notification");
  }

  void OnMessage(mach_msg_header_t* message) {
    if (message->msgh_id == ipc::kPaint && message->msgh_size == sizeof(ipc::PaintRequest)) {
      OnPaint(reinterpret_cast<ipc::PaintRequest*>(message));
    } else if (message->msgh_id == ipc::kQuit) {
      quit_.Set();
    } else if (message->msgh_id == MACH_NOTIFY_DEAD_NAME) {
      ipc::DropSend(
          reinterpret_cast<mach_dead_name_notification_t*>(message)->not_port);  // it brings one more
      quit_.Set();
    }
  }

  void OnPaint(ipc::PaintRequest* request) {
    const mach_port_t reply_port = request->header.msgh_remote_port;
    request->header.msgh_remote_port = MACH_PORT_NULL;
    // The other leak: on this path nobody answers, and nobody gives the right to do so back.
    if (options_.unanswered && request->frame % 4 == 3 && unanswered_.load() < kUnansweredMost) {
      unanswered_++;
      return;
    }
    ipc::PaintReply reply = {};
    reply.header.msgh_bits = MACH_MSGH_BITS(MACH_MSG_TYPE_MOVE_SEND_ONCE, 0);
    reply.header.msgh_remote_port = reply_port;
    reply.header.msgh_id = ipc::kPaint + ipc::kReply;
    reply.frame = request->frame;
    reply.checksum = ipc::Checksum(request->display_list.address, request->display_list.size);
    ipc::Send(&reply.header, sizeof reply, 1000);
  }

  const Options options_;
  ipc::Loop loop_;
  mach_port_t ports_[ipc::kRendererPorts] = {};
  mach_port_t channel_ = MACH_PORT_NULL;  // a send right
  base::Flag quit_;
  std::atomic<uint32_t> unanswered_{0};
};

}  // namespace

int Run(const Options& options) { return Renderer(options).Run(); }

}  // namespace renderer
