// SPDX-License-Identifier: Apache-2.0
// One renderer, seen from the browser.
#include "browser/client.h"

#include <algorithm>
#include <chrono>

#include "base/logging.h"
#include "ipc/port.h"

namespace browser {

namespace {

constexpr auto kFrameTime = std::chrono::milliseconds(20);
constexpr mach_msg_timeout_t kPaintPatience = 60;  // a frame that takes longer is not worth waiting for
constexpr uint32_t kDisplayList = 48 * 1024;       // bytes

}  // namespace

Client::Client(int32_t pid, uint32_t index, const mach_port_t (&ports)[ipc::kRendererPorts])
    : pid_(pid), index_(index), channel_(ipc::NewPort(64)), paint_reply_(ipc::NewPort()) {
  std::copy(std::begin(ports), std::end(ports), ports_);
}

Client::~Client() {
  StopPainting();
  for (mach_port_t port : awaited_) ipc::DropReceive(port);
  ipc::DropReceive(paint_reply_);
  ipc::DropReceive(channel_);
  for (mach_port_t port : ports_) {
    if (MACH_PORT_VALID(port)) ipc::DropSend(port);  // a dead name by now
  }
}

void Client::WatchSenders() {
  mach_port_t previous = MACH_PORT_NULL;
  // With 1 for a make-send count the request waits for the first sender to come before the last can go.
  CHECK_KR(mach_port_request_notification(mach_task_self(), channel_, MACH_NOTIFY_NO_SENDERS, 1, channel_,
                                          MACH_MSG_TYPE_MAKE_SEND_ONCE, &previous),
           "mach_port_request_notification");
}

void Client::StartPainting() {
  painter_ = std::make_unique<base::Thread>([this] { Paint(); });
}

void Client::StopPainting() {
  stop_.Set();
  painter_.reset();
}

void Client::Quit() {
  mach_msg_header_t quit = {};
  quit.msgh_bits = MACH_MSGH_BITS(MACH_MSG_TYPE_COPY_SEND, 0);
  quit.msgh_remote_port = ports_[ipc::kCommandPort];
  quit.msgh_id = ipc::kQuit;
  if (ipc::Send(&quit, sizeof quit, 1000) != KERN_SUCCESS)
    LOG() << "renderer " << pid_ << " cannot be told to quit";
}

void Client::Paint() {
  LOG() << "painting for renderer " << index_;
  for (uint32_t frame = 0; !stop_.Wait(kFrameTime); frame++) PaintFrame(frame);
}

void Client::PaintFrame(uint32_t frame) {
  vm_address_t list = 0;
  CHECK_KR(vm_allocate(mach_task_self(), &list, kDisplayList, VM_FLAGS_ANYWHERE), "vm_allocate");
  auto* bytes = reinterpret_cast<unsigned char*>(list);
  for (uint32_t i = 0; i < kDisplayList; i += 64) bytes[i] = static_cast<unsigned char>(frame + i / 64);
  const uint32_t checksum = ipc::Checksum(bytes, kDisplayList);

  ipc::Buffer buffer;
  buffer.paint = {};
  buffer.header.msgh_bits =
      MACH_MSGH_BITS(MACH_MSG_TYPE_COPY_SEND, MACH_MSG_TYPE_MAKE_SEND_ONCE) | MACH_MSGH_BITS_COMPLEX;
  buffer.header.msgh_remote_port = ports_[ipc::kFirstPaintPort + frame % ipc::kPaintPorts];
  buffer.header.msgh_id = ipc::kPaint;
  buffer.paint.body.msgh_descriptor_count = 1;
  buffer.paint.display_list = ipc::Region(bytes, kDisplayList, true);
  buffer.paint.frame = frame;
  const kern_return_t result = ipc::Call(&buffer, sizeof(ipc::PaintRequest), paint_reply_, kPaintPatience);
  if (result == KERN_SUCCESS) {
    if (buffer.paint_reply.checksum != checksum) LOG() << "frame " << frame << " arrived damaged";
    mach_msg_destroy(&buffer.header);
    painted_++;
    return;
  }
  missed_++;
  LOG() << "frame " << frame << " of renderer " << index_ << ": " << mach_error_string(result);
  if (result == MACH_RCV_TIMED_OUT) {
    // The answer may yet come: it must not be taken for that to the next frame.
    awaited_.push_back(paint_reply_);
    paint_reply_ = ipc::NewPort();
  }
}

}  // namespace browser
