// SPDX-License-Identifier: Apache-2.0
#include "vm/maps.hpp"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>

#include "segment/text.hpp"

namespace portolan::vm {

namespace {

// One byte after the other of the file; system calls go straight to Linux, for open and read are cancellation
// points.
class Reader {
 public:
  explicit Reader(uint32_t pid) {
    char path[40];
    Text text(path);
    if (pid == 0)
      text << "/proc/self/maps";
    else
      text << "/proc/" << uint64_t{pid} << "/maps";
    file_ = static_cast<int>(syscall(SYS_openat, AT_FDCWD, path, O_RDONLY | O_CLOEXEC));
  }
  ~Reader() {
    if (file_ >= 0) syscall(SYS_close, file_);
  }
  Reader(const Reader&) = delete;
  Reader& operator=(const Reader&) = delete;

  bool open() const { return file_ >= 0; }
  // -1: the end; `failed` tells whether it came too early.
  int next() {
    if (at_ == length_) {
      long got;
      do got = syscall(SYS_read, file_, buffer_, sizeof buffer_);
      while (got < 0 && errno == EINTR);
      failed = got < 0;
      if (got <= 0) return -1;
      at_ = 0;
      length_ = static_cast<unsigned>(got);
    }
    return static_cast<unsigned char>(buffer_[at_++]);
  }
  uint64_t number() {
    uint64_t value = 0;
    for (int c = next(); c != -1; c = next()) {
      if (c >= '0' && c <= '9')
        value = value << 4 | static_cast<uint64_t>(c - '0');
      else if (c >= 'a' && c <= 'f')
        value = value << 4 | static_cast<uint64_t>(c - 'a' + 10);
      else
        return value;
    }
    ended_ = true;
    return value;
  }
  bool ended() const { return ended_; }
  bool failed = false;

 private:
  int file_ = -1;
  unsigned at_ = 0, length_ = 0;
  bool ended_ = false;
  char buffer_[2048];
};

}  // namespace

bool for_each_mapping(uint64_t start, uint64_t end, bool (*visit)(void*, const Mapping&), void* context,
                      uint32_t pid) {
  const int saved = errno;
  Reader reader(pid);
  if (!reader.open()) return false;
  bool told = true;
  while (told) {
    Mapping mapping;
    mapping.start = reader.number();
    mapping.end = reader.number();
    if (reader.ended() || mapping.start >= end) break;
    if (reader.next() == 'r') mapping.protection |= PROT_READ;
    if (reader.next() == 'w') mapping.protection |= PROT_WRITE;
    if (reader.next() == 'x') mapping.protection |= PROT_EXEC;
    mapping.shared = reader.next() == 's';
    reader.next();
    mapping.offset = reader.number();
    reader.number();  // the device: two numbers
    reader.number();
    int c = 0;
    for (c = reader.next(); c >= '0' && c <= '9'; c = reader.next())
      mapping.inode = mapping.inode * 10 + static_cast<uint64_t>(c - '0');
    while (c != '\n' && c != -1) c = reader.next();
    if (mapping.end <= start) continue;
    mapping.start = std::max(mapping.start, start);
    mapping.end = std::min(mapping.end, end);
    if (!visit(context, mapping)) told = false;
  }
  if (!reader.failed) errno = saved;
  return told && !reader.failed;
}

bool has_hole(uint64_t start, uint64_t end) {
  const int saved = errno;
  // Writes nothing back since Linux 2.6.19, but still looks whether everything is there.
  const bool hole = msync(reinterpret_cast<void*>(start), end - start, MS_ASYNC) != 0 && errno == ENOMEM;
  errno = saved;
  return hole;
}

}  // namespace portolan::vm
