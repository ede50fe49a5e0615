// SPDX-License-Identifier: Apache-2.0
// What domain.cpp needs of files: checked directories and files, locks that are still about the file that the
// path leads to. Private to src/segment.
#pragma once

#include <sys/un.h>
#include <unistd.h>

#include "segment/domain.hpp"

namespace portolan::files {

class Descriptor {
 public:
  explicit Descriptor(int fd = -1) : fd_(fd) {}
  ~Descriptor() { reset(); }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  Descriptor(Descriptor&& other) noexcept : fd_(other.release()) {}
  Descriptor& operator=(Descriptor&& other) noexcept {
    reset(other.release());
    return *this;
  }
  explicit operator bool() const { return fd_ >= 0; }
  int get() const { return fd_; }
  int release() {
    const int fd = fd_;
    fd_ = -1;
    return fd;
  }
  void reset(int fd = -1) {
    if (fd_ >= 0) close(fd_);
    fd_ = fd;
  }

 private:
  int fd_;
};

inline constexpr const char* kLaunchdLock = "launchd.lock";
inline constexpr const char* kLaunchdSocket = "launchd.sock";  // launchd's, where launchctl asks
inline constexpr const char* kFilesSocket = "files.sock";  // launchd's, where file ports' descriptors are
const char* segment_name();  // segment.v<layout version>

// The domain's directory, made if `make`; owned by us, open to nobody else, no symbolic link on the last
// step. An empty descriptor with `error` set otherwise; DomainFault::absent when it is not there.
Descriptor open_directory(const DomainPlace& place, bool make, DomainError& error);
// A regular file of ours in it. Fault `absent` when it is not there.
Descriptor open_file(const DomainPlace& place, int directory, const char* name, int flags,
                     DomainError& error);

// Waits for the exclusive lock; false when the name now leads to another file, or to none.
bool lock_file(int directory, const char* name, int fd);
// Does not wait.
bool try_lock_file(int directory, const char* name, int fd);
// Gives a lock up at the end of a scope. Closing is not enough: a mapping keeps the open file, and so the
// lock, alive.
class Unlock {
 public:
  explicit Unlock(int fd) : fd_(fd) {}
  ~Unlock();
  Unlock(const Unlock&) = delete;
  Unlock& operator=(const Unlock&) = delete;

 private:
  int fd_;
};

// Where a socket of the domain's is. A path that is too long for an address goes in by its directory, which
// has to stay open meanwhile. False: it cannot be said, with `errno`.
bool socket_address(const char* directory, const char* name, sockaddr_un& address, Descriptor& step);

// Removes what builders who died left behind.
void sweep_temporary(int directory);

// The page at /proc that tells boots apart; false when it cannot be read. `id` holds at least 40 bytes.
bool boot_id(uint8_t* id);
bool pid_namespace(uint32_t& inode);

}  // namespace portolan::files
