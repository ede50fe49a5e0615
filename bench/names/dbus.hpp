// SPDX-License-Identifier: Apache-2.0
// A D-Bus daemon of our own, with as many names as are wanted, all owned by us.
#pragma once

#include <sys/types.h>

#include <string>

struct DBusConnection;

namespace bench {

class Bus {
 public:
  Bus();
  ~Bus();
  Bus(const Bus&) = delete;
  Bus& operator=(const Bus&) = delete;

  // Why there is none; nullptr: there is.
  const char* missing() const { return missing_.empty() ? nullptr : missing_.c_str(); }
  // False: the daemon does not take so many.
  bool grow_to(unsigned names);
  // GetNameOwner of one of them: a message to the daemon, and its answer.
  void look_up();

 private:
  std::string missing_, directory_;
  pid_t daemon_ = -1;
  DBusConnection* connection_ = nullptr;
  unsigned names_ = 0, next_ = 1;
};

}  // namespace bench
