// SPDX-License-Identifier: Apache-2.0
// More of sys/event.h: filters and flags that system libraries use, and the widest kevent. Calls on dynamic
// queues come later.
#ifndef PORTOLAN_SYS_EVENT_PRIVATE_H_
#define PORTOLAN_SYS_EVENT_PRIVATE_H_

#include <stddef.h>
#include <sys/event.h>

#define EVFILT_UNUSED_11             (-11)
#define EVFILT_SOCK                  (-13)
#define EVFILT_MEMORYSTATUS          (-14)
#define EVFILT_NW_CHANNEL            (-16)
#define EVFILT_WORKLOOP              (-17)
#define EVFILT_EXCLAVES_NOTIFICATION (-18)

typedef unsigned long long kqueue_id_t;

struct kevent_qos_s {
  uint64_t ident;
  int16_t filter;
  uint16_t flags;
  int32_t qos;
  uint64_t udata;
  uint32_t fflags;
  uint32_t xflags;
  int64_t data;
  uint64_t ext[4];
};

// Defined where struct kevent_qos_s is; evaluates to nothing that matters.
#define EV_SET_QOS 0

// Flags of a call.
#define KEVENT_FLAG_STACK_DATA                0x8
#define KEVENT_FLAG_WORKQ                     0x20
#define KEVENT_FLAG_WORKQ_MANAGER             0x200
#define KEVENT_FLAG_WORKLOOP                  0x400
#define KEVENT_FLAG_PARKING                   0x800
#define KEVENT_FLAG_WORKLOOP_SERVICER_ATTACH  0x8000
#define KEVENT_FLAG_WORKLOOP_SERVICER_DETACH  0x10000
#define KEVENT_FLAG_DYNAMIC_KQ_MUST_EXIST     0x20000
#define KEVENT_FLAG_DYNAMIC_KQ_MUST_NOT_EXIST 0x40000
#define KEVENT_FLAG_WORKLOOP_NO_WQ_THREAD     0x80000

// For EVFILT_WORKLOOP.
#define NOTE_WL_THREAD_REQUEST 0x1
#define NOTE_WL_SYNC_WAIT      0x4
#define NOTE_WL_SYNC_WAKE      0x8
#define NOTE_WL_SYNC_IPC       0x80000000U
#define NOTE_WL_COMMANDS_MASK  0x8000000fU
#define NOTE_WL_UPDATE_QOS     0x10
#define NOTE_WL_END_OWNERSHIP  0x20
#define NOTE_WL_DISCOVER_OWNER 0x80
#define NOTE_WL_IGNORE_ESTALE  0x100
#define NOTE_WL_UPDATES_MASK   0x1f0
#define NOTE_WL_UPDATE_OWNER   0
#define EV_EXTIDX_WL_LANE      0
#define EV_EXTIDX_WL_ADDR      1
#define EV_EXTIDX_WL_MASK      2
#define EV_EXTIDX_WL_VALUE     3

// For EVFILT_PROC.
#define NOTE_EXIT_MEMORY_DETAIL_MASK    0xfe000000U
#define NOTE_EXIT_MEMORY_VMPAGESHORTAGE 0x80000000U
#define NOTE_EXIT_MEMORY_VMTHRASHING    0x40000000
#define NOTE_EXIT_MEMORY_HIWAT          0x20000000
#define NOTE_EXIT_MEMORY_PID            0x10000000
#define NOTE_EXIT_MEMORY_IDLE           0x8000000
#define NOTE_EXIT_MEMORY_VNODE          0x4000000
#define NOTE_EXIT_MEMORY_FCTHRASHING    0x2000000

// For EVFILT_MEMORYSTATUS.
#define NOTE_MEMORYSTATUS_PRESSURE_NORMAL     0x1
#define NOTE_MEMORYSTATUS_PRESSURE_WARN       0x2
#define NOTE_MEMORYSTATUS_PRESSURE_CRITICAL   0x4
#define NOTE_MEMORYSTATUS_LOW_SWAP            0x8
#define NOTE_MEMORYSTATUS_PROC_LIMIT_WARN     0x10
#define NOTE_MEMORYSTATUS_PROC_LIMIT_CRITICAL 0x20
#define NOTE_MEMORYSTATUS_MSL_STATUS          0xf0000000U

enum {
  kVMPressureJetsam = 4,
  kVMPressureNormal = 0,
  kVMPressureWarning = 1,
  kVMPressureUrgent = 2,
  kVMPressureCritical = 3,
  kVMPressureForegroundJetsam = 4,
  kVMPressureBackgroundJetsam = 5
};

// For EVFILT_NW_CHANNEL.
#define NOTE_FLOW_ADV_UPDATE       0x1
#define NOTE_CHANNEL_EVENT         0x2
#define NOTE_IF_ADV_UPD            0x4
#define EVFILT_NW_CHANNEL_ALL_MASK 0x7

// For EVFILT_SOCK.
#define NOTE_CONNRESET                 0x1
#define NOTE_READCLOSED                0x2
#define NOTE_WRITECLOSED               0x4
#define NOTE_TIMEOUT                   0x8
#define NOTE_NOSRCADDR                 0x10
#define NOTE_IFDENIED                  0x20
#define NOTE_SUSPEND                   0x40
#define NOTE_RESUME                    0x80
#define NOTE_KEEPALIVE                 0x100
#define NOTE_ADAPTIVE_WTIMO            0x200
#define NOTE_ADAPTIVE_RTIMO            0x400
#define NOTE_CONNECTED                 0x800
#define NOTE_DISCONNECTED              0x1000
#define NOTE_CONNINFO_UPDATED          0x2000
#define NOTE_NOTIFY_ACK                0x4000
#define NOTE_WAKE_PKT                  0x8000
#define EVFILT_SOCK_LEVEL_TRIGGER_MASK 0x18c6
#define EVFILT_SOCK_ALL_MASK           0xffff

// Work queues.
#define R2K_WORKLOOP_PENDING_EVENTS       0x1
#define R2K_WORKQ_PENDING_EVENTS          0x2
#define PTHREAD_WQ_QUANTUM_EXPIRY_NARROW  0x1
#define PTHREAD_WQ_QUANTUM_EXPIRY_SHUFFLE 0x2

PORTOLAN_BEGIN_DECLS

// kevent64 with its own structure and no timeout: it waits for ever, or with KEVENT_FLAG_IMMEDIATE not at
// all. Messages of EVFILT_MACHPORT that have no buffer go to `data_out`; `data_available` is its size, then
// what is left of it.
PORTOLAN_EXPORT int kevent_qos(int kq, const struct kevent_qos_s* changelist, int nchanges,
                               struct kevent_qos_s* eventlist, int nevents, void* data_out,
                               size_t* data_available, unsigned int flags);

PORTOLAN_END_DECLS

#endif  // PORTOLAN_SYS_EVENT_PRIVATE_H_
