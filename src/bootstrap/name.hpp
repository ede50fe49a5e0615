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
    hash_ = mixed(hash_);
  }

  // The same name, private to a process: another name to everybody else (bootstrap 5.1).
  ServiceName private_to(uint32_t pid) const {
    ServiceName other = *this;
    other.pid_ = pid;
    other.hash_ = mixed(hash_ ^ uint64_t{pid} << 32);
    return other;
  }

  const char* bytes() const { return bytes_; }  // all kServiceNameMax of them, zero behind the name
  uint64_t hash() const { return hash_; }
  bool is(const ipc::Service& service) const {
    const bool per_pid = (service.flags & ipc::kServicePerPid) != 0;
    return service.hash == hash_ && per_pid == (pid_ != 0) && (!per_pid || service.owner_pid == pid_) &&
           memcmp(service.name, bytes_, sizeof bytes_) == 0;
  }

 private:
  // Each bit of the result depends on all of the hash: the tree of names goes by them.
  static constexpr uint64_t mixed(uint64_t hash) {
    hash = (hash ^ hash >> 33) * 0xff51afd7ed558ccd;
    hash = (hash ^ hash >> 33) * 0xc4ceb9fe1a85ec53;
    return hash ^ hash >> 33;
  }

  char bytes_[ipc::kServiceNameMax];
  uint64_t hash_ = 0xcbf29ce484222325;
  uint32_t pid_ = 0;
};

}  // namespace portolan::bootstrap
