// SPDX-License-Identifier: Apache-2.0
// Downloads and event streams: what the browser's short-lived threads do.
#include "net/socket.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "base/logging.h"

namespace net {

namespace {

constexpr uint32_t kPiece = 16 * 1024;  // what one read brings
constexpr std::chrono::seconds kPatience{2};

}  // namespace

Socket::Socket(const ipc::ResourceInfo& wanted, portolan::reply_to<ipc::Loaded> reply)
    : resource_(wanted.resource), bytes_(wanted.bytes), reply_(std::move(reply)) {}

void Socket::Run() {
  OnConnect();
  while (read_ < bytes_) OnRead();
  OnClose();
}

void Socket::OnConnect() {
  content_ = portolan::ool_memory::allocate(bytes_).value();
  LOG() << "connected for resource " << resource_;
}

void Socket::OnRead() {
  const uint32_t piece = std::min(kPiece, bytes_ - read_);
  const auto bytes = content_.as<unsigned char>();
  for (uint32_t i = read_; i < read_ + piece; i++) bytes[i] = static_cast<unsigned char>(resource_ + i * 31);
  read_ += piece;
  LOG() << "read " << read_ << " of " << bytes_ << " bytes of resource " << resource_;
}

void Socket::OnClose() {
  const uint32_t checksum = ipc::Checksum(content_.bytes());
  const auto answered = reply_.answer({{resource_, checksum}, std::move(content_)});
  if (!answered) LOG() << "resource " << resource_ << ": nobody wants it any more";
}

void SendEvents(const portolan::send_right& sink, uint32_t count) {
  for (uint32_t i = 0; i < count; i++) {
    if (!portolan::send(sink, ipc::Event{{i}}, kPatience)) break;
  }
  LOG() << "sent " << count << " events";
}

}  // namespace net
