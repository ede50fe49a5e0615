// SPDX-License-Identifier: Apache-2.0
// The C library's calls as programs make them: what polls goes by the profile, what closes a number tells the
// calls that poll it (rules 9.6). Programs compiled with _FORTIFY_SOURCE call poll under other names. Calls
// inside the C library, and raw system calls, stay as they are.
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <portolan/export.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "darwin_poll/active.hpp"
#include "darwin_poll/poll.hpp"
#include "darwin_poll/real.hpp"
#include "darwin_poll/select.hpp"

namespace portolan::darwin_poll {

namespace {

constexpr int kCloexecOnly = 4;  // CLOSE_RANGE_CLOEXEC: nothing is closed now

void closing(int fd) {
  if (fd >= 0) descriptors_closing(static_cast<unsigned>(fd), static_cast<unsigned>(fd));
}

// Portolan's library is made for Linux's poll, whatever the program has.
bool is_portolan(const void* caller) {
  const char* name = nullptr;
#if __GLIBC_PREREQ(2, 35)
  dl_find_object found;  // without a lock, unlike dladdr
  if (_dl_find_object(const_cast<void*>(caller), &found) == 0) name = found.dlfo_link_map->l_name;
#else
  Dl_info found{};
  if (dladdr(caller, &found) != 0) name = found.dli_fname;
#endif
  const char* slash = name == nullptr ? nullptr : strrchr(name, '/');
  return slash != nullptr && strncmp(slash + 1, "libportolan.so", 14) == 0;
}

// Whose calls of poll and select those of this caller are.
portolan_poll_profile_t profile_for(const void* caller) {
  const portolan_poll_profile_t profile = portolan_poll_profile();
  return profile != PORTOLAN_POLL_HOST && is_portolan(caller) ? PORTOLAN_POLL_HOST : profile;
}

bool is_open(int fd) { return fcntl(fd, F_GETFD) >= 0; }

// As __poll_chk does it: the program wrote beyond its array.
void check_room(nfds_t count, size_t room) {
  if (count > room / sizeof(struct pollfd)) __builtin_trap();
}

}  // namespace

extern "C" {

PORTOLAN_EXPORT int interposed_poll(struct pollfd*, nfds_t, int) __asm__("poll");
PORTOLAN_EXPORT int interposed_poll_chk(struct pollfd*, nfds_t, int, size_t) __asm__("__poll_chk");
PORTOLAN_EXPORT int interposed_ppoll(struct pollfd*, nfds_t, const struct timespec*,
                                     const sigset_t*) __asm__("ppoll");
PORTOLAN_EXPORT int interposed_ppoll_chk(struct pollfd*, nfds_t, const struct timespec*, const sigset_t*,
                                         size_t) __asm__("__ppoll_chk");
PORTOLAN_EXPORT int interposed_select(int, fd_set*, fd_set*, fd_set*, struct timeval*) __asm__("select");
PORTOLAN_EXPORT int interposed_pselect(int, fd_set*, fd_set*, fd_set*, const struct timespec*,
                                       const sigset_t*) __asm__("pselect");
PORTOLAN_EXPORT int interposed_close(int) __asm__("close");
PORTOLAN_EXPORT int interposed_close_range(unsigned, unsigned, int) __asm__("close_range");
PORTOLAN_EXPORT void interposed_closefrom(int) __asm__("closefrom");
PORTOLAN_EXPORT int interposed_fclose(FILE*) __asm__("fclose");
PORTOLAN_EXPORT int interposed_dup2(int, int) __asm__("dup2");
PORTOLAN_EXPORT int interposed_dup3(int, int, int) __asm__("dup3");

int interposed_poll(struct pollfd* entries, nfds_t count, int timeout) {
  return poll_from(entries, count, timeout, profile_for(__builtin_return_address(0)),
                   __builtin_return_address(0));
}

int interposed_poll_chk(struct pollfd* entries, nfds_t count, int timeout, size_t room) {
  check_room(count, room);
  return poll_from(entries, count, timeout, profile_for(__builtin_return_address(0)),
                   __builtin_return_address(0));
}

int interposed_ppoll(struct pollfd* entries, nfds_t count, const struct timespec* timeout,
                     const sigset_t* signals) {
  return ppoll_from(entries, count, timeout, signals, profile_for(__builtin_return_address(0)),
                    __builtin_return_address(0));
}

int interposed_ppoll_chk(struct pollfd* entries, nfds_t count, const struct timespec* timeout,
                         const sigset_t* signals, size_t room) {
  check_room(count, room);
  return ppoll_from(entries, count, timeout, signals, profile_for(__builtin_return_address(0)),
                    __builtin_return_address(0));
}

int interposed_select(int count, fd_set* readable, fd_set* writable, fd_set* exceptional,
                      struct timeval* timeout) {
  return select_of(count, readable, writable, exceptional, timeout, profile_for(__builtin_return_address(0)));
}

int interposed_pselect(int count, fd_set* readable, fd_set* writable, fd_set* exceptional,
                       const struct timespec* timeout, const sigset_t* signals) {
  return pselect_of(count, readable, writable, exceptional, timeout, signals,
                    profile_for(__builtin_return_address(0)));
}

int interposed_close(int fd) {
  closing(fd);
  return real().close(fd);
}

int interposed_close_range(unsigned first, unsigned last, int flags) {
  if (real().close_range == nullptr) {
    errno = ENOSYS;
    return -1;
  }
  if ((flags & kCloexecOnly) == 0) descriptors_closing(first, last);
  return real().close_range(first, last, flags);
}

void interposed_closefrom(int first) {
  descriptors_closing(first < 0 ? 0 : static_cast<unsigned>(first), ~0u);
  if (real().closefrom != nullptr) real().closefrom(first);
}

int interposed_fclose(FILE* stream) {
  const int saved = errno;
  closing(fileno(stream));  // -1 for streams that are memory
  errno = saved;
  return real().fclose(stream);
}

int interposed_dup2(int fd, int copy) {
  if (fd != copy && is_open(fd)) closing(copy);
  return real().dup2(fd, copy);
}

int interposed_dup3(int fd, int copy, int flags) {
  if (fd != copy && is_open(fd)) closing(copy);
  return real().dup3(fd, copy, flags);
}

}  // extern "C"

}  // namespace portolan::darwin_poll
