// SPDX-License-Identifier: Apache-2.0
// AF_UNIX SEQPACKET: what two processes of one machine otherwise send each other messages with. No rights, no
// names.
#include <sys/socket.h>
#include <sys/types.h>

#include <cerrno>
#include <cstdlib>
#include <vector>

#include "subject.hpp"

namespace bench {

namespace {

constexpr uint32_t kPiece = 64 * 1024;  // a packet cannot be much larger

void put(const void* data, size_t size) {
  ssize_t n = 0;
  do n = send(kSocket, data, size, MSG_NOSIGNAL);
  while (n < 0 && errno == EINTR);
  if (n != static_cast<ssize_t>(size)) fail("send");
}

void get(void* data, size_t size) {
  ssize_t n = 0;
  do n = recv(kSocket, data, size, 0);
  while (n < 0 && errno == EINTR);
  if (n == 0) std::_Exit(0);  // the other side is gone: the run is over
  if (n != static_cast<ssize_t>(size)) fail("recv");
}

class RoundTrip final : public Subject {
 public:
  void serve() override {
    for (;;) {
      get(data_, sizeof data_);
      put(data_, sizeof data_);
    }
  }
  void iterate() override {
    put(data_, sizeof data_);
    get(data_, sizeof data_);
  }

 private:
  unsigned char data_[kMessage] = {};
};

class OneWay final : public Subject {
 public:
  void serve() override {
    for (;;) {
      for (uint32_t i = 0; i < kBurst; i++) get(data_, sizeof data_);
      put(data_, sizeof data_);
    }
  }
  void iterate() override {
    for (uint32_t i = 0; i < kBurst; i++) put(data_, sizeof data_);
    get(data_, sizeof data_);
  }
  uint32_t weight() const override { return kBurst; }

 private:
  unsigned char data_[kMessage] = {};
};

class Megabyte final : public Subject {
 public:
  Megabyte() : content_(kMegabyte, 7) {}

  void serve() override {
    unsigned char seen = 0;
    for (;;) {
      for (uint32_t at = 0; at < kMegabyte; at += kPiece) get(content_.data() + at, kPiece);
      const volatile unsigned char* bytes = content_.data();
      for (uint32_t i = 0; i < kMegabyte; i += 4096) seen = static_cast<unsigned char>(seen + bytes[i]);
      reply_[0] = seen;
      put(reply_, sizeof reply_);
    }
  }
  void iterate() override {
    for (uint32_t at = 0; at < kMegabyte; at += kPiece) put(content_.data() + at, kPiece);
    get(reply_, sizeof reply_);
  }

 private:
  std::vector<unsigned char> content_;
  unsigned char reply_[kMessage] = {};
};

}  // namespace

std::unique_ptr<Subject> socket_subject(const std::string& measure) {
  if (measure == "round-trip") return std::make_unique<RoundTrip>();
  if (measure == "one-way") return std::make_unique<OneWay>();
  if (measure == "megabyte") return std::make_unique<Megabyte>();
  return nullptr;
}

}  // namespace bench
