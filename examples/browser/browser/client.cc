// SPDX-License-Identifier: Apache-2.0
// One renderer, seen from the browser.
#include "browser/client.h"

#include <chrono>
#include <utility>

#include "base/logging.h"

namespace browser {

namespace {

constexpr std::chrono::milliseconds kFrameTime{20};
constexpr std::chrono::milliseconds kPaintPatience{60};  // a frame that takes longer is not worth waiting for
constexpr uint32_t kDisplayList = 48 * 1024;             // bytes

}  // namespace

Client::Client(const ipc::RendererInfo& renderer, std::vector<portolan::send_right> ports)
    : renderer_(renderer),
      ports_(std::move(ports)),
      channel_(portolan::receive_right::allocate(64).value()),
      paint_reply_(portolan::receive_right::allocate().value()) {}

Client::~Client() { StopPainting(); }

void Client::StartPainting() {
  painter_ = std::make_unique<base::Thread>([this] { Paint(); });
}

void Client::StopPainting() {
  stop_.Set();
  painter_.reset();
}

void Client::Quit() {
  const auto told = portolan::send(ports_[ipc::kCommandPort], ipc::Quit{}, std::chrono::seconds(1));
  if (!told) LOG() << "renderer " << renderer_.pid << " cannot be told to quit";
}

void Client::Paint() {
  LOG() << "painting for renderer " << renderer_.index;
  for (uint32_t frame = 0; !stop_.Wait(kFrameTime); frame++) PaintFrame(frame);
}

void Client::PaintFrame(uint32_t frame) {
  portolan::ool_memory list = portolan::ool_memory::allocate(kDisplayList).value();
  const auto bytes = list.as<unsigned char>();
  for (uint32_t i = 0; i < kDisplayList; i += 64) bytes[i] = static_cast<unsigned char>(frame + i / 64);
  const uint32_t checksum = ipc::Checksum(list.bytes());

  const auto painted = AskForFrame(frame, std::move(list));
  if (painted) {
    if (painted->payload.checksum != checksum) LOG() << "frame " << frame << " arrived damaged";
    painted_++;
    return;
  }
  missed_++;
  LOG() << "frame " << frame << " of renderer " << renderer_.index << ": " << painted.error().text();
  if (painted.error() == MACH_RCV_TIMED_OUT) {
    // The answer may yet come: it must not be taken for that to the next frame.
    awaited_.push_back(std::move(paint_reply_));
    paint_reply_ = portolan::receive_right::allocate().value();
  }
}

portolan::result<ipc::Painted> Client::AskForFrame(uint32_t frame, portolan::ool_memory list) {
  const portolan::send_right& port = ports_[ipc::kFirstPaintPort + frame % ipc::kPaintPorts];
  const auto asked = portolan::ask(port, ipc::Paint{{frame}, std::move(list)},
                                   make_send_once_of(paint_reply_), kPaintPatience);
  if (!asked) return asked.error();
  return portolan::receive<ipc::Painted>(paint_reply_, kPaintPatience);
}

}  // namespace browser
