// SPDX-License-Identifier: Apache-2.0
// A renderer process. It never logs by itself, so it does not leak thread ports: its lines go to the browser.
#include "renderer/renderer.h"

#include <unistd.h>

#include <array>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <memory>
#include <utility>
#include <vector>

#include "base/thread.h"
#include "ipc/loop.h"
#include "ipc/messages.h"
#include "renderer/loader.h"

namespace renderer {

namespace {

constexpr unsigned kLoopThreads = 4;
constexpr uint32_t kLoaders = 4;
constexpr uint32_t kUnansweredMost = 12;

class Renderer {
 public:
  explicit Renderer(const Options& options) : options_(options), loop_(service_) {
    for (portolan::receive_right& port : ports_) {
      port = portolan::receive_right::allocate(16).value();
      service_.serve(port).value();
    }
    service_.on([this](ipc::Paint& request, portolan::reply_to<ipc::Painted> reply) {
      return OnPaint(request, std::move(reply));
    });
    service_.on([this](const ipc::Quit&) { quit_.Set(); });
    service_.on_dead_name([this](const portolan::dead_name&) { quit_.Set(); });
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
    const auto browser = portolan::bootstrap::look_up(options_.service.c_str()).value();
    ipc::Connect request{{getpid(), options_.index}, make_send_of(ports_)};
    auto connected =
        portolan::call<ipc::Connected>(browser, std::move(request), std::chrono::seconds(10)).value();
    channel_ = std::move(connected.part<0>());
    service_.watch_death(channel_).value();  // should the browser die, we go too
  }

  portolan::result<void> OnPaint(ipc::Paint& request, portolan::reply_to<ipc::Painted> reply) {
    const uint32_t frame = request.payload.frame;
    // The other leak: on this path nobody answers, and nobody gives the right to do so back.
    if (options_.unanswered && frame % 4 == 3 && unanswered_.load() < kUnansweredMost) {
      unanswered_++;
      static_cast<void>(reply.release().release());
      return {};
    }
    return reply.answer({{frame, ipc::Checksum(request.part<0>().bytes())}});
  }

  const Options options_;
  portolan::service service_;
  ipc::Loop loop_;
  std::array<portolan::receive_right, ipc::kRendererPorts> ports_;
  portolan::send_right channel_;
  base::Flag quit_;
  std::atomic<uint32_t> unanswered_{0};
};

}  // namespace

int Run(const Options& options) { return Renderer(options).Run(); }

}  // namespace renderer
