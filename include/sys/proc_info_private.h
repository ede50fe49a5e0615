// SPDX-License-Identifier: Apache-2.0
// More of sys/proc_info.h, for system libraries. The calls come later.
#ifndef PORTOLAN_SYS_PROC_INFO_PRIVATE_H_
#define PORTOLAN_SYS_PROC_INFO_PRIVATE_H_

#include <stdint.h>
#include <sys/event_private.h>
#include <sys/proc_info.h>

// The identity of a process beyond its number.
struct proc_uniqidentifierinfo {
  uint8_t p_uuid[16];
  uint64_t p_uniqueid;
  uint64_t p_puniqueid;
  int32_t p_idversion;
  int32_t p_orig_ppidversion;
  uint64_t p_reserve2;
  uint64_t p_reserve3;
};

#pragma pack(push, 1)

// Why a process was ended.
struct proc_exitreasonbasicinfo {
  uint32_t beri_namespace;
  uint64_t beri_code;
  uint64_t beri_flags;
  uint32_t beri_reason_buf_size;
};

struct proc_exitreasoninfo {
  uint32_t eri_namespace;
  uint64_t eri_code;
  uint64_t eri_flags;
  uint32_t eri_reason_buf_size;
  uint64_t eri_kcd_buf;
};

#pragma pack(pop)

// A task's table of names.
struct proc_ipctableinfo {
  uint32_t table_size;
  uint32_t table_free;
};

// Kernel queues.
#define PROC_KQUEUE_WORKQ    0x40
#define PROC_KQUEUE_WORKLOOP 0x80

struct kqueue_dyninfo {
  struct kqueue_info kqdi_info;
  uint64_t kqdi_servicer;
  uint64_t kqdi_owner;
  uint32_t kqdi_sync_waiters;
  uint8_t kqdi_sync_waiter_qos;
  uint8_t kqdi_async_qos;
  uint16_t kqdi_request_state;
  uint8_t kqdi_events_qos;
  uint8_t kqdi_pri;
  uint8_t kqdi_pol;
  uint8_t kqdi_cpupercent;
  uint8_t _kqdi_reserved0[4];
  uint64_t _kqdi_reserved1[4];
};

struct kevent_extinfo {
  struct kevent_qos_s kqext_kev;
  uint64_t kqext_sdata;
  int kqext_status;
  int kqext_sfflags;
  uint64_t kqext_reserved[2];
};

// Flavors, and the bytes of each.
#define PROC_PIDUNIQIDENTIFIERINFO      17
#define PROC_PIDUNIQIDENTIFIERINFO_SIZE 56
#define PROC_PIDNOTEEXIT                21
#define PROC_PIDNOTEEXIT_SIZE           4
#define PROC_PIDEXITREASONINFO          24
#define PROC_PIDEXITREASONINFO_SIZE     32
#define PROC_PIDEXITREASONBASICINFO     25
#define PROC_PIDEXITREASONBASICINFOSIZE 24
#define PROC_PIDLISTUPTRS               26
#define PROC_PIDLISTUPTRS_SIZE          8
#define PROC_PIDLISTDYNKQUEUES          27
#define PROC_PIDLISTDYNKQUEUES_SIZE     8
#define PROC_PIDIPCTABLEINFO            32
#define PROC_PIDIPCTABLEINFO_SIZE       8
#define PROC_PIDFDKQUEUE_EXTINFO        9
#define PROC_PIDFDKQUEUE_EXTINFO_SIZE   104
#define PROC_PIDFDKQUEUE_KNOTES_MAX     0x20000
#define PROC_PIDDYNKQUEUES_MAX          0x20000
#define PROC_PIDDYNKQUEUE_INFO          0
#define PROC_PIDDYNKQUEUE_INFO_SIZE     208
#define PROC_PIDDYNKQUEUE_EXTINFO       1
#define PROC_PIDDYNKQUEUE_EXTINFO_SIZE  104

// The calls behind.
#define PROC_INFO_CALL_LISTPIDS             0x1
#define PROC_INFO_CALL_PIDINFO              0x2
#define PROC_INFO_CALL_PIDFDINFO            0x3
#define PROC_INFO_CALL_KERNMSGBUF           0x4
#define PROC_INFO_CALL_SETCONTROL           0x5
#define PROC_INFO_CALL_PIDFILEPORTINFO      0x6
#define PROC_INFO_CALL_TERMINATE            0x7
#define PROC_INFO_CALL_DIRTYCONTROL         0x8
#define PROC_INFO_CALL_PIDRUSAGE            0x9
#define PROC_INFO_CALL_PIDORIGINATORINFO    0xa
#define PROC_INFO_CALL_LISTCOALITIONS       0xb
#define PROC_INFO_CALL_CANUSEFGHW           0xc
#define PROC_INFO_CALL_PIDDYNKQUEUEINFO     0xd
#define PROC_INFO_CALL_UDATA_INFO           0xe
#define PROC_INFO_CALL_SET_DYLD_IMAGES      0xf
#define PROC_INFO_CALL_TERMINATE_RSR        0x10
#define PROC_INFO_CALL_SIGNAL_AUDITTOKEN    0x11
#define PROC_INFO_CALL_TERMINATE_AUDITTOKEN 0x12
#define PROC_INFO_CALL_DELEGATE_SIGNAL      0x13
#define PROC_INFO_CALL_DELEGATE_TERMINATE   0x14

#endif  // PORTOLAN_SYS_PROC_INFO_PRIVATE_H_
