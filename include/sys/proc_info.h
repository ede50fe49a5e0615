// SPDX-License-Identifier: Apache-2.0
// What is known about a process and its descriptors. The calls come later.
#ifndef PORTOLAN_SYS_PROC_INFO_H_
#define PORTOLAN_SYS_PROC_INFO_H_

#include <stdint.h>
#include <sys/types.h>

// Which processes to list.
#define PROC_ALL_PIDS  1
#define PROC_PGRP_ONLY 2
#define PROC_TTY_ONLY  3
#define PROC_UID_ONLY  4
#define PROC_RUID_ONLY 5
#define PROC_PPID_ONLY 6
#define PROC_KDBG_ONLY 7

// A process.
struct proc_bsdinfo {
  uint32_t pbi_flags;
  uint32_t pbi_status;
  uint32_t pbi_xstatus;
  uint32_t pbi_pid;
  uint32_t pbi_ppid;
  uid_t pbi_uid;
  gid_t pbi_gid;
  uid_t pbi_ruid;
  gid_t pbi_rgid;
  uid_t pbi_svuid;
  gid_t pbi_svgid;
  uint32_t rfu_1;
  char pbi_comm[16];
  char pbi_name[32];
  uint32_t pbi_nfiles;
  uint32_t pbi_pgid;
  uint32_t pbi_pjobc;
  uint32_t e_tdev;
  uint32_t e_tpgid;
  int32_t pbi_nice;
  uint64_t pbi_start_tvsec;
  uint64_t pbi_start_tvusec;
};

struct proc_bsdshortinfo {
  uint32_t pbsi_pid;
  uint32_t pbsi_ppid;
  uint32_t pbsi_pgid;
  uint32_t pbsi_status;
  char pbsi_comm[16];
  uint32_t pbsi_flags;
  uid_t pbsi_uid;
  gid_t pbsi_gid;
  uid_t pbsi_ruid;
  gid_t pbsi_rgid;
  uid_t pbsi_svuid;
  gid_t pbsi_svgid;
  uint32_t pbsi_rfu;
};

// pbi_flags
#define PROC_FLAG_SYSTEM      1
#define PROC_FLAG_TRACED      2
#define PROC_FLAG_INEXIT      4
#define PROC_FLAG_PPWAIT      8
#define PROC_FLAG_LP64        0x10
#define PROC_FLAG_SLEADER     0x20
#define PROC_FLAG_CTTY        0x40
#define PROC_FLAG_CONTROLT    0x80
#define PROC_FLAG_THCWD       0x100
#define PROC_FLAG_PC_THROTTLE 0x200
#define PROC_FLAG_PC_SUSP     0x400
#define PROC_FLAG_PC_KILL     0x600
#define PROC_FLAG_PC_MASK     0x600
#define PROC_FLAG_PA_THROTTLE 0x800
#define PROC_FLAG_PA_SUSP     0x1000
#define PROC_FLAG_PSUGID      0x2000
#define PROC_FLAG_EXEC        0x4000

#ifndef MAXTHREADNAMESIZE
#define MAXTHREADNAMESIZE 64
#endif

// A descriptor; a file that is held by a port.
struct proc_fdinfo {
  int32_t proc_fd;
  uint32_t proc_fdtype;
};

struct proc_fileportinfo {
  uint32_t proc_fileport;
  uint32_t proc_fdtype;
};

// fi_status, fi_guardflags
#define PROC_FP_SHARED           1
#define PROC_FP_CLEXEC           2
#define PROC_FP_GUARDED          4
#define PROC_FP_CLFORK           8
#define PROC_FI_GUARD_CLOSE      0x1
#define PROC_FI_GUARD_DUP        0x2
#define PROC_FI_GUARD_SOCKET_IPC 0x4
#define PROC_FI_GUARD_FILEPORT   0x8

struct proc_fileinfo {
  uint32_t fi_openflags;
  uint32_t fi_status;
  off_t fi_offset;
  int32_t fi_type;
  uint32_t fi_guardflags;
};

// proc_fdtype
#define PROX_FDTYPE_ATALK     0
#define PROX_FDTYPE_VNODE     1
#define PROX_FDTYPE_SOCKET    2
#define PROX_FDTYPE_PSHM      3
#define PROX_FDTYPE_PSEM      4
#define PROX_FDTYPE_KQUEUE    5
#define PROX_FDTYPE_PIPE      6
#define PROX_FDTYPE_FSEVENTS  7
#define PROX_FDTYPE_NETPOLICY 9
#define PROX_FDTYPE_CHANNEL   10
#define PROX_FDTYPE_NEXUS     11

struct vinfo_stat {
  uint32_t vst_dev;
  uint16_t vst_mode;
  uint16_t vst_nlink;
  uint64_t vst_ino;
  uid_t vst_uid;
  gid_t vst_gid;
  int64_t vst_atime;
  int64_t vst_atimensec;
  int64_t vst_mtime;
  int64_t vst_mtimensec;
  int64_t vst_ctime;
  int64_t vst_ctimensec;
  int64_t vst_birthtime;
  int64_t vst_birthtimensec;
  off_t vst_size;
  int64_t vst_blocks;
  int32_t vst_blksize;
  uint32_t vst_flags;
  uint32_t vst_gen;
  uint32_t vst_rdev;
  int64_t vst_qspare[2];
};

// A kernel queue.
struct kqueue_info {
  struct vinfo_stat kq_stat;
  uint32_t kq_state;
  uint32_t rfu_1;
};

struct kqueue_fdinfo {
  struct proc_fileinfo pfi;
  struct kqueue_info kqueueinfo;
};

// kq_state
#define PROC_KQUEUE_SELECT 0x1
#define PROC_KQUEUE_SLEEP  0x2
#define PROC_KQUEUE_32     0x8
#define PROC_KQUEUE_64     0x10
#define PROC_KQUEUE_QOS    0x20

// Flavors about a process, about a descriptor, about a file port, and the bytes of each.
#define PROC_PIDLISTFDS             1
#define PROC_PIDLISTFD_SIZE         8
#define PROC_PIDTASKALLINFO         2
#define PROC_PIDTASKALLINFO_SIZE    232
#define PROC_PIDTBSDINFO            3
#define PROC_PIDTBSDINFO_SIZE       136
#define PROC_PIDTASKINFO            4
#define PROC_PIDTASKINFO_SIZE       96
#define PROC_PIDTHREADINFO          5
#define PROC_PIDTHREADINFO_SIZE     112
#define PROC_PIDLISTTHREADS         6
#define PROC_PIDLISTTHREADS_SIZE    8
#define PROC_PIDREGIONINFO          7
#define PROC_PIDREGIONINFO_SIZE     96
#define PROC_PIDREGIONPATHINFO      8
#define PROC_PIDREGIONPATHINFO_SIZE 1272
#define PROC_PIDVNODEPATHINFO       9
#define PROC_PIDVNODEPATHINFO_SIZE  2352
#define PROC_PIDTHREADPATHINFO      10
#define PROC_PIDTHREADPATHINFO_SIZE 1288
#define PROC_PIDPATHINFO            11
#define PROC_PIDPATHINFO_SIZE       1024
#define PROC_PIDPATHINFO_MAXSIZE    4096
#define PROC_PIDWORKQUEUEINFO       12
#define PROC_PIDWORKQUEUEINFO_SIZE  16
#define PROC_PIDT_SHORTBSDINFO      13
#define PROC_PIDT_SHORTBSDINFO_SIZE 64
#define PROC_PIDLISTFILEPORTS       14
#define PROC_PIDLISTFILEPORTS_SIZE  8
#define PROC_PIDTHREADID64INFO      15
#define PROC_PIDTHREADID64INFO_SIZE 112
#define PROC_PID_RUSAGE             16
#define PROC_PID_RUSAGE_SIZE        0

#define PROC_PIDFDVNODEINFO          1
#define PROC_PIDFDVNODEINFO_SIZE     176
#define PROC_PIDFDVNODEPATHINFO      2
#define PROC_PIDFDVNODEPATHINFO_SIZE 1200
#define PROC_PIDFDSOCKETINFO         3
#define PROC_PIDFDSOCKETINFO_SIZE    792
#define PROC_PIDFDPSEMINFO           4
#define PROC_PIDFDPSEMINFO_SIZE      1184
#define PROC_PIDFDPSHMINFO           5
#define PROC_PIDFDPSHMINFO_SIZE      1192
#define PROC_PIDFDPIPEINFO           6
#define PROC_PIDFDPIPEINFO_SIZE      184
#define PROC_PIDFDKQUEUEINFO         7
#define PROC_PIDFDKQUEUEINFO_SIZE    168
#define PROC_PIDFDATALKINFO          8
#define PROC_PIDFDATALKINFO_SIZE     160
#define PROC_PIDFDCHANNELINFO        10
#define PROC_PIDFDCHANNELINFO_SIZE   56

#define PROC_PIDFILEPORTVNODEPATHINFO      2
#define PROC_PIDFILEPORTVNODEPATHINFO_SIZE 1200
#define PROC_PIDFILEPORTSOCKETINFO         3
#define PROC_PIDFILEPORTSOCKETINFO_SIZE    792
#define PROC_PIDFILEPORTPSHMINFO           5
#define PROC_PIDFILEPORTPSHMINFO_SIZE      1192
#define PROC_PIDFILEPORTPIPEINFO           6
#define PROC_PIDFILEPORTPIPEINFO_SIZE      184

#endif  // PORTOLAN_SYS_PROC_INFO_H_
