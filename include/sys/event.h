// SPDX-License-Identifier: Apache-2.0
// Kernel queues (docs/rules/kqueue.md): filters, flags, structures, and the calls.
#ifndef PORTOLAN_SYS_EVENT_H_
#define PORTOLAN_SYS_EVENT_H_

#include <portolan/export.h>
#include <stdint.h>
#include <sys/types.h>
#include <time.h>

// Filters.
#define EVFILT_READ         (-1)
#define EVFILT_WRITE        (-2)
#define EVFILT_AIO          (-3)
#define EVFILT_VNODE        (-4)
#define EVFILT_PROC         (-5)
#define EVFILT_SIGNAL       (-6)
#define EVFILT_TIMER        (-7)
#define EVFILT_MACHPORT     (-8)
#define EVFILT_FS           (-9)
#define EVFILT_USER         (-10)
#define EVFILT_VM           (-12)
#define EVFILT_EXCEPT       (-15)
#define EVFILT_SYSCOUNT     18
#define EVFILT_THREADMARKER 18

#pragma pack(push, 4)
struct kevent {
  uintptr_t ident;
  int16_t filter;
  uint16_t flags;
  uint32_t fflags;
  intptr_t data;
  void* udata;
};
#pragma pack(pop)

struct kevent64_s {
  uint64_t ident;
  int16_t filter;
  uint16_t flags;
  uint32_t fflags;
  int64_t data;
  uint64_t udata;
  uint64_t ext[2];
};

#define EV_SET(kevp, a, b, c, d, e, f) \
  do {                                 \
    struct kevent* ev_set_ = (kevp);   \
    ev_set_->ident = (a);              \
    ev_set_->filter = (b);             \
    ev_set_->flags = (c);              \
    ev_set_->fflags = (d);             \
    ev_set_->data = (e);               \
    ev_set_->udata = (f);              \
  } while (0)

#define EV_SET64(kevp, a, b, c, d, e, f, g, h) \
  do {                                         \
    struct kevent64_s* ev_set_ = (kevp);       \
    ev_set_->ident = (a);                      \
    ev_set_->filter = (b);                     \
    ev_set_->flags = (c);                      \
    ev_set_->fflags = (d);                     \
    ev_set_->data = (e);                       \
    ev_set_->udata = (f);                      \
    ev_set_->ext[0] = (g);                     \
    ev_set_->ext[1] = (h);                     \
  } while (0)

// Flags of a call.
#define KEVENT_FLAG_NONE         0x0
#define KEVENT_FLAG_IMMEDIATE    0x1
#define KEVENT_FLAG_ERROR_EVENTS 0x2

// What to do with an event, and what came of it.
#define EV_ADD            0x1
#define EV_DELETE         0x2
#define EV_ENABLE         0x4
#define EV_DISABLE        0x8
#define EV_ONESHOT        0x10
#define EV_CLEAR          0x20
#define EV_RECEIPT        0x40
#define EV_DISPATCH       0x80
#define EV_UDATA_SPECIFIC 0x100
#define EV_DISPATCH2      0x180
#define EV_VANISHED       0x200
#define EV_SYSFLAGS       0xf000
#define EV_FLAG0          0x1000
#define EV_FLAG1          0x2000
#define EV_EOF            0x8000
#define EV_ERROR          0x4000
#define EV_POLL           0x1000
#define EV_OOBAND         0x2000

// For EVFILT_USER.
#define NOTE_TRIGGER    0x1000000
#define NOTE_FFNOP      0x0
#define NOTE_FFAND      0x40000000
#define NOTE_FFOR       0x80000000U
#define NOTE_FFCOPY     0xc0000000U
#define NOTE_FFCTRLMASK 0xc0000000U
#define NOTE_FFLAGSMASK 0xffffff

// For EVFILT_READ, EVFILT_WRITE and EVFILT_EXCEPT.
#define NOTE_LOWAT 0x1
#define NOTE_OOB   0x2

// For EVFILT_VNODE.
#define NOTE_DELETE          0x1
#define NOTE_WRITE           0x2
#define NOTE_EXTEND          0x4
#define NOTE_ATTRIB          0x8
#define NOTE_LINK            0x10
#define NOTE_RENAME          0x20
#define NOTE_REVOKE          0x40
#define NOTE_NONE            0x80
#define NOTE_FUNLOCK         0x100
#define NOTE_LEASE_DOWNGRADE 0x200
#define NOTE_LEASE_RELEASE   0x400

// For EVFILT_PROC and EVFILT_SIGNAL.
enum { eNoteReapDeprecated = 0x10000000 };
enum { eNoteExitReparentedDeprecated = 0x80000 };
#define NOTE_REAP             ((unsigned int)eNoteReapDeprecated)
#define NOTE_EXIT_REPARENTED  ((unsigned int)eNoteExitReparentedDeprecated)
#define NOTE_PCTRLMASK        (~NOTE_PDATAMASK)
#define NOTE_EXIT             0x80000000U
#define NOTE_FORK             0x40000000
#define NOTE_EXEC             0x20000000
#define NOTE_SIGNAL           0x8000000
#define NOTE_PDATAMASK        0xfffff
#define NOTE_TRACK            0x1
#define NOTE_TRACKERR         0x2
#define NOTE_CHILD            0x4
#define NOTE_EXITSTATUS       0x4000000
#define NOTE_EXIT_DETAIL      0x2000000
#define NOTE_EXIT_DETAIL_MASK 0x70000
#define NOTE_EXIT_DECRYPTFAIL 0x10000
#define NOTE_EXIT_MEMORY      0x20000
#define NOTE_EXIT_CSERROR     0x40000

// For EVFILT_VM.
#define NOTE_VM_PRESSURE                  0x80000000U
#define NOTE_VM_PRESSURE_TERMINATE        0x40000000
#define NOTE_VM_PRESSURE_SUDDEN_TERMINATE 0x20000000
#define NOTE_VM_ERROR                     0x10000000

// For EVFILT_TIMER.
#define NOTE_SECONDS              0x1
#define NOTE_USECONDS             0x2
#define NOTE_NSECONDS             0x4
#define NOTE_ABSOLUTE             0x8
#define NOTE_LEEWAY               0x10
#define NOTE_CRITICAL             0x20
#define NOTE_BACKGROUND           0x40
#define NOTE_MACH_CONTINUOUS_TIME 0x80
#define NOTE_MACHTIME             0x100

PORTOLAN_BEGIN_DECLS

// A new queue, closed on exec and gone after fork. -1: EMFILE, ENFILE, ENOMEM.
PORTOLAN_EXPORT int kqueue(void);

#if defined(__cplusplus) && defined(__GNUC__)
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wshadow"  // the call has the name of its structure
#endif
// Applies the changes in order, then waits until there are events, at most for `timeout`; null: for ever.
// Returns the number of events written, 0 after the timeout; or -1 with EBADF, EINVAL, EFAULT, EINTR, or, if
// there was no room to report it, the errno of the change that failed (kqueue 3, 8).
PORTOLAN_EXPORT int kevent(int kq, const struct kevent* changelist, int nchanges, struct kevent* eventlist,
                           int nevents, const struct timespec* timeout);
PORTOLAN_EXPORT int kevent64(int kq, const struct kevent64_s* changelist, int nchanges,
                             struct kevent64_s* eventlist, int nevents, unsigned int flags,
                             const struct timespec* timeout);

PORTOLAN_END_DECLS

#endif  // PORTOLAN_SYS_EVENT_H_
