// SPDX-License-Identifier: Apache-2.0
// The name of a service: its first 127 bytes count, any bytes but NUL (bootstrap 3.1).
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "ipc/objects.hpp"

namespace portolan::bootstrap {

class ServiceName {
 public:
  ServiceName() : ServiceName("", 0) {}
  explicit ServiceName(const char* text) : ServiceName(text, strnlen(text, ipc::kServiceNameMax - 1)) {}
  ServiceName(const char* text, size_t length) {
    if (length > ipc::kServiceNameMax - 1) length = ipc::kServiceNameMax - 1;
    memset(bytes_, 0, sizeof bytes_);
    memcpy(bytes_, text, strnlen(text, length));
    for (const char* byte = bytes_; *byte != 0; byte++)
      hash_ = (hash_ ^ static_cast<uint8_t>(*byte)) * 0x100000001b3;
  }

  const char* bytes() const { return bytes_; }  // all kServiceNameMax of them, zero behind the name
  uint64_t hash() const { return hash_; }
  bool is(const ipc::Service& service) const {
    return service.hash == hash_ && memcmp(service.name, bytes_, sizeof bytes_) == 0;
  }

 private:
  char bytes_[ipc::kServiceNameMax];
  uint64_t hash_ = 0xcbf29ce484222325;
};

}  // namespace portolan::bootstrap
