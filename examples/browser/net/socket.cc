// SPDX-License-Identifier: Apache-2.0
// Downloads and event streams: what the browser's short-lived threads do.
#include "net/socket.h"

#include <algorithm>

#include "base/logging.h"
#include "ipc/messages.h"
#include "ipc/port.h"

namespace net {

namespace {

constexpr uint32_t kPiece = 16 * 1024;  // what one read brings
constexpr mach_msg_timeout_t kPatience = 2000;

}  // namespace

Socket::Socket(uint32_t resource, uint32_t bytes, mach_port_t reply)
    : resource_(resource), bytes_(bytes), reply_(reply) {}

void Socket::Run() {
  OnConnect();
  while (read_ < bytes_) OnRead();
  OnClose();
}

void Socket::OnConnect() {
  CHECK_KR(vm_allocate(mach_task_self(), &content_, bytes_, VM_FLAGS_ANYWHERE), "vm_allocate");
  LOG() << "connected for resource " << resource_;
}

void Socket::OnRead() {
  const uint32_t piece = std::min(kPiece, bytes_ - read_);
  auto* bytes = reinterpret_cast<unsigned char*>(content_);
  for (uint32_t i = read_; i < read_ + piece; i++) bytes[i] = static_cast<unsigned char>(resource_ + i * 31);
  read_ += piece;
  LOG() << "read " << read_ << " of " << bytes_ << " bytes of resource " << resource_;
}

void Socket::OnClose() {
  void* content = reinterpret_cast<void*>(content_);
  ipc::LoadReply reply = {};
  reply.header.msgh_bits = MACH_MSGH_BITS(MACH_MSG_TYPE_MOVE_SEND_ONCE, 0) | MACH_MSGH_BITS_COMPLEX;
  reply.header.msgh_remote_port = reply_;
  reply.header.msgh_id = ipc::kLoad + ipc::kReply;
  reply.body.msgh_descriptor_count = 1;
  reply.content = ipc::Region(content, bytes_, true);
  reply.resource = resource_;
  reply.checksum = ipc::Checksum(content, bytes_);
  const kern_return_t result = ipc::Send(&reply.header, sizeof reply, kPatience);
  if (result != KERN_SUCCESS) LOG() << "resource " << resource_ << ": nobody wants it any more";
}

void SendEvents(mach_port_t sink, uint32_t count) {
  for (uint32_t i = 0; i < count; i++) {
    ipc::Event event = {};
    event.header.msgh_bits = MACH_MSGH_BITS(MACH_MSG_TYPE_COPY_SEND, 0);
    event.header.msgh_remote_port = sink;
    event.header.msgh_id = ipc::kEvent;
    event.number = i;
    if (ipc::Send(&event.header, sizeof event, kPatience) != KERN_SUCCESS) break;
  }
  LOG() << "sent " << count << " events";
  ipc::DropSend(sink);
}

}  // namespace net
