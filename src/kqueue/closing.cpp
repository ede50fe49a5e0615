// SPDX-License-Identifier: Apache-2.0
// The C library's calls that take a descriptor number away or give it another file, as the program calls
// them: kernel queues learn of it first, as in Darwin's kernel. Linux's epoll knows open files only, and goes
// on watching one that has another number. And getsockopt, which tells a socket's error that a filter has
// read.
//
// Not here: calls inside the C library (pclose, closedir, …) and raw system calls. What those close
// disappears from queues too if it was the last number of its file; a registration under the same number
// replaces the old one then.
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <portolan/export.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "kqueue/descriptors.hpp"

namespace portolan::kq {

namespace {

struct Real {
  int (*close)(int);
  int (*close_range)(unsigned, unsigned, int);  // may be missing, as the next
  void (*closefrom)(int);
  int (*fclose)(FILE*);
  int (*getsockopt)(int, int, int, void*, socklen_t*);
  int (*dup)(int);
  int (*dup2)(int, int);
  int (*dup3)(int, int, int);
};

template <class Function>
void find(Function& function, const char* name) {
  function = reinterpret_cast<Function>(dlsym(RTLD_NEXT, name));
}

// Storing a pointer twice does no harm.
const Real& real() {
  static constinit Real found{};
  if (__builtin_expect(found.dup3 != nullptr, 1)) return found;
  find(found.close, "close");
  find(found.close_range, "close_range");
  find(found.closefrom, "closefrom");
  find(found.fclose, "fclose");
  find(found.getsockopt, "getsockopt");
  find(found.dup, "dup");
  find(found.dup2, "dup2");
  find(found.dup3, "dup3");
  return found;
}

constexpr int kCloexecOnly = 4;  // CLOSE_RANGE_CLOEXEC: nothing is closed now

bool is_open(int fd) { return fcntl(fd, F_GETFD) >= 0; }

}  // namespace

extern "C" {

PORTOLAN_EXPORT int portolan_close(int) __asm__("close");
PORTOLAN_EXPORT int portolan_close_range(unsigned, unsigned, int) __asm__("close_range");
PORTOLAN_EXPORT void portolan_closefrom(int) __asm__("closefrom");
PORTOLAN_EXPORT int portolan_fclose(FILE*) __asm__("fclose");
PORTOLAN_EXPORT int portolan_getsockopt(int, int, int, void*, socklen_t*) __asm__("getsockopt");
PORTOLAN_EXPORT int portolan_dup(int) __asm__("dup");
PORTOLAN_EXPORT int portolan_dup2(int, int) __asm__("dup2");
PORTOLAN_EXPORT int portolan_dup3(int, int, int) __asm__("dup3");

int portolan_close(int fd) {
  descriptor_closing(fd);
  return real().close(fd);
}

int portolan_close_range(unsigned first, unsigned last, int flags) {
  if (real().close_range == nullptr) {
    errno = ENOSYS;
    return -1;
  }
  if (first <= last && (flags & kCloexecOnly) == 0) descriptors_closing(first, last);
  return real().close_range(first, last, flags);
}

void portolan_closefrom(int first) {
  descriptors_closing(first < 0 ? 0 : static_cast<unsigned>(first), ~0u);
  if (real().closefrom != nullptr) real().closefrom(first);
}

int portolan_fclose(FILE* stream) {
  const int saved = errno;
  const int fd = fileno(stream);  // -1 for streams that are memory
  errno = saved;
  if (fd >= 0) descriptor_closing(fd);
  return real().fclose(stream);
}

int portolan_getsockopt(int fd, int level, int option, void* value, socklen_t* length) {
  const int result = real().getsockopt(fd, level, option, value, length);
  if (result != 0 || level != SOL_SOCKET || option != SO_ERROR || *length < sizeof(int)) return result;
  auto& error = *static_cast<int*>(value);
  if (error == 0) error = descriptor_take_error(fd);
  return 0;
}

int portolan_dup(int fd) {
  const int copy = real().dup(fd);
  if (copy >= 0) descriptor_copied(fd, copy);
  return copy;
}

int portolan_dup2(int fd, int copy) {
  if (fd != copy && is_open(fd)) descriptor_closing(copy);
  const int result = real().dup2(fd, copy);
  if (result >= 0 && fd != copy) descriptor_copied(fd, copy);
  return result;
}

int portolan_dup3(int fd, int copy, int flags) {
  if (fd != copy && is_open(fd)) descriptor_closing(copy);
  const int result = real().dup3(fd, copy, flags);
  if (result >= 0) descriptor_copied(fd, copy);
  return result;
}

}  // extern "C"

}  // namespace portolan::kq
