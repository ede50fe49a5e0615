// SPDX-License-Identifier: Apache-2.0
// The other end of launchd's socket: one connection, a request and its answer at a time. Waits.
#pragma once

#include <sys/un.h>

#include <string>

#include "launchd/frame.hpp"
#include "segment/domain_files.hpp"

namespace portolan::launchd {

class Connection {
 public:
  bool open(const std::string& directory);  // false, with `errno`
  explicit operator bool() const { return static_cast<bool>(socket_); }

  enum class Outcome { answered, not_sent, no_answer };
  // `no_answer`: launchd went while it had the request.
  Outcome ask(const Value& request, Value& answer);

 private:
  files::Descriptor socket_;
  std::string in_;
};

// A path that is too long for an address goes in by its directory, which has to stay open meanwhile.
bool socket_address(const std::string& path, sockaddr_un& address, files::Descriptor& directory);

}  // namespace portolan::launchd
