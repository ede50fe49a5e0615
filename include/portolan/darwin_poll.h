// SPDX-License-Identifier: Apache-2.0
// Darwin's poll and select on Linux's descriptors, for tests: docs/darwin-poll.md says what they are for and
// what they do not reproduce. Rules: docs/rules/kqueue.md, 9 to 12.
//
// They live in a library of their own, libportolan-darwin-poll.so, which knows nothing of ports and domains.
// In a program that has it loaded, by linking or by LD_PRELOAD, the C library's poll, ppoll, select and
// pselect follow the profile of the process, too; that is `host` unless the environment or the program says
// otherwise, and under `host` they are the C library's.
//
// The structures and bits are Linux's: POLLWRNORM counts as POLLOUT, and bits that Darwin does not have ask
// for nothing. All functions may be called from any thread and from signal handlers. All wait, unless their
// timeout is zero, and are cancellation points. An address that cannot be read or written is a fault, not
// EFAULT.
#ifndef PORTOLAN_PORTOLAN_DARWIN_POLL_H_
#define PORTOLAN_PORTOLAN_DARWIN_POLL_H_

#include <poll.h>
#include <portolan/export.h>
#include <signal.h>
#include <sys/select.h>
#include <time.h>

PORTOLAN_BEGIN_DECLS

typedef enum portolan_poll_profile {
  PORTOLAN_POLL_HOST = 0,        // Linux's own calls
  PORTOLAN_POLL_DARWIN = 1,      // macOS 10.15 and later: a subscription that fired for nothing is lost
  PORTOLAN_POLL_DARWIN_OLD = 2,  // macOS up to 10.14: poll returns 0 then, before its time
  PORTOLAN_POLL_PROCESS = -1     // as an argument: what portolan_poll_profile() says
} portolan_poll_profile_t;

// The profile of the process. It begins as the environment variable PORTOLAN_DARWIN_POLL says: `darwin`,
// `darwin-old` or `host`; anything else, or none, is `host`. Programs in secure execution (set-uid) ignore
// it.
PORTOLAN_EXPORT portolan_poll_profile_t portolan_poll_profile(void);

// Sets it for calls that begin from now on, in all threads. Returns 0, or -1 with errno EINVAL for a value
// that is none of HOST, DARWIN, DARWIN_OLD.
PORTOLAN_EXPORT int portolan_poll_set_profile(portolan_poll_profile_t profile);

// poll (rules 9). `timeout` is in milliseconds, -1 for ever, 0 not at all. Other negative values are unsigned
// numbers of milliseconds under DARWIN and EINVAL under DARWIN_OLD. Returns how many entries have `revents`;
// 0 at the end of the timeout, under DARWIN_OLD also before it. On failure -1, and the entries are as they
// were:
//   EINVAL  more than 10240 entries, or more than the limit on descriptors (which counts for the superuser
//   only
//           above 1024); a profile that does not exist
//   EAGAIN  no memory, or no descriptors for the call's own epolls (up to three)
//   EINTR   a signal; never restarted
PORTOLAN_EXPORT int portolan_darwin_poll(struct pollfd* entries, nfds_t count, int timeout,
                                         portolan_poll_profile_t profile);

// select (rules 11). `timeout` is null for ever, and is not changed. Returns how many bits are set in the
// three sets; on failure -1, and the sets are as they were:
//   EINVAL  `count` below 0 or above 1024; tv_sec below 0 or above 100,000,000, tv_usec outside 0 to 999,999;
//           a profile that does not exist
//   EBADF   a descriptor in a set is not open
//   EAGAIN  no memory
//   EINTR   a signal; never restarted
PORTOLAN_EXPORT int portolan_darwin_select(int count, fd_set* readable, fd_set* writable, fd_set* exceptional,
                                           struct timeval* timeout, portolan_poll_profile_t profile);

// The same with a timeout in nanoseconds (EINVAL: tv_sec below 0 or above 2^31-1, tv_nsec outside 0 to
// 1,000,000,000, that one included) and with signals that are blocked meanwhile, or null.
PORTOLAN_EXPORT int portolan_darwin_pselect(int count, fd_set* readable, fd_set* writable,
                                            fd_set* exceptional, const struct timespec* timeout,
                                            const sigset_t* signals, portolan_poll_profile_t profile);

PORTOLAN_END_DECLS

#endif  // PORTOLAN_PORTOLAN_DARWIN_POLL_H_
