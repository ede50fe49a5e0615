// SPDX-License-Identifier: Apache-2.0
// What posix_spawn is told about ports and more. The calls come later.
#ifndef PORTOLAN_SYS_SPAWN_INTERNAL_H_
#define PORTOLAN_SYS_SPAWN_INTERNAL_H_

#include <mach/exception_types.h>
#include <mach/port.h>
#include <mach/thread_status.h>
#include <stdint.h>

// What becomes of a port in the child.
typedef enum {
  PSPA_SPECIAL = 0,
  PSPA_EXCEPTION = 1,
  PSPA_AU_SESSION = 2,
  PSPA_IMP_WATCHPORTS = 3,
  PSPA_REGISTERED_PORTS = 4,
  PSPA_PTRAUTH_TASK_PORT = 5
} pspa_t;

struct _ps_port_action {
  pspa_t port_type;
  exception_mask_t mask;
  mach_port_name_t new_port;
  exception_behavior_t behavior;
  thread_state_flavor_t flavor;
  int which;
};
typedef struct _ps_port_action _ps_port_action_t;

// The actions follow: pspa_count of them, in room for pspa_alloc.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wpedantic"
struct _posix_spawn_port_actions {
  int pspa_alloc;
  int pspa_count;
  _ps_port_action_t pspa_actions[];
};
#pragma GCC diagnostic pop
typedef struct _posix_spawn_port_actions* _posix_spawn_port_actions_t;

// What becomes of a descriptor in the child.
typedef enum {
  PSFA_OPEN = 0,
  PSFA_CLOSE = 1,
  PSFA_DUP2 = 2,
  PSFA_INHERIT = 3,
  PSFA_FILEPORT_DUP2 = 4,
  PSFA_CHDIR = 5,
  PSFA_FCHDIR = 6
} psfa_t;

#define PSF_ACTIONS_INIT_COUNT       2
#define NBINPREFS                    4
#define PS_MAC_EXTENSIONS_INIT_COUNT 2

// Credentials and personas.
#define POSIX_SPAWN_POSIX_CRED_UID         0x10000
#define POSIX_SPAWN_POSIX_CRED_GID         0x20000
#define POSIX_SPAWN_POSIX_CRED_GROUPS      0x40000
#define POSIX_SPAWN_POSIX_CRED_LOGIN       0x80000
#define POSIX_SPAWN_PERSONA_FLAGS_NONE     0x0
#define POSIX_SPAWN_PERSONA_FLAGS_OVERRIDE 0x1
#define POSIX_SPAWN_PERSONA_FLAGS_VERIFY   0x2
#define POSIX_SPAWN_PERSONA_ALL_FLAGS      0x3
#define POSIX_SPAWN_PERSONA_UID            0x10000
#define POSIX_SPAWN_PERSONA_GID            0x20000
#define POSIX_SPAWN_PERSONA_GROUPS         0x40000

// Memory limits.
#define POSIX_SPAWN_JETSAM_SET                       0x8000
#define POSIX_SPAWN_JETSAM_USE_EFFECTIVE_PRIORITY    0x1
#define POSIX_SPAWN_JETSAM_HIWATER_BACKGROUND        0x2
#define POSIX_SPAWN_JETSAM_MEMLIMIT_FATAL            0x4
#define POSIX_SPAWN_JETSAM_MEMLIMIT_ACTIVE_FATAL     0x4
#define POSIX_SPAWN_JETSAM_MEMLIMIT_INACTIVE_FATAL   0x8
#define POSIX_SPAWN_JETSAM_RELAUNCH_BEHAVIOR_BUCKETS 0x3
#define POSIX_SPAWN_JETSAM_RELAUNCH_BEHAVIOR_MASK    0x30
#define POSIX_SPAWN_JETSAM_RELAUNCH_BEHAVIOR_HIGH    0x30
#define POSIX_SPAWN_JETSAM_RELAUNCH_BEHAVIOR_MED     0x20
#define POSIX_SPAWN_JETSAM_RELAUNCH_BEHAVIOR_LOW     0x10

// Kinds of process.
#define POSIX_SPAWN_PROCESS_TYPE_NORMAL          0x0
#define POSIX_SPAWN_PROCESS_TYPE_DEFAULT         0x0
#define POSIX_SPAWN_PROC_TYPE_MASK               0xf00
#define POSIX_SPAWN_PROC_TYPE_APP_DEFAULT        0x100
#define POSIX_SPAWN_PROC_TYPE_APP_TAL            0x200
#define POSIX_SPAWN_PROC_TYPE_DAEMON_STANDARD    0x300
#define POSIX_SPAWN_PROC_TYPE_DAEMON_INTERACTIVE 0x400
#define POSIX_SPAWN_PROC_TYPE_DAEMON_BACKGROUND  0x500
#define POSIX_SPAWN_PROC_TYPE_DAEMON_ADAPTIVE    0x600
#define POSIX_SPAWN_PROC_TYPE_DRIVER             0x700
#define POSIX_SPAWN_PROC_CLAMP_NONE              0x0
#define POSIX_SPAWN_PROC_CLAMP_UTILITY           0x1
#define POSIX_SPAWN_PROC_CLAMP_BACKGROUND        0x2
#define POSIX_SPAWN_PROC_CLAMP_MAINTENANCE       0x3
#define POSIX_SPAWN_PROC_CLAMP_LAST              0x4
#define POSIX_SPAWN_DARWIN_ROLE_NONE             0x0

// Security.
#define POSIX_SPAWN_SECFLAG_EXPLICIT_ENABLE              1
#define POSIX_SPAWN_SECFLAG_EXPLICIT_DISABLE             2
#define POSIX_SPAWN_SECFLAG_EXPLICIT_NEVER_CHECK_ENABLE  4
#define POSIX_SPAWN_SECFLAG_EXPLICIT_NEVER_CHECK_DISABLE 8
#define POSIX_SPAWN_SECFLAG_EXPLICIT_VM_POLICY_BYPASS    16
#define POSIX_SPAWN_SECFLAG_EXPLICIT_VM_POLICY_ENFORCE   32
#define POSIX_SPAWN_SECFLAG_EXPLICIT_CHECK_BYPASS        64
#define POSIX_SPAWN_SECFLAG_EXPLICIT_CHECK_ENFORCE       128
#define POSIX_SPAWN_SECFLAG_EXPLICIT_DISABLE_INHERIT     256
#define POSIX_SPAWN_SECFLAG_EXPLICIT_ENABLE_INHERIT      512
#define PSA_OPTION_NONE                                  0
#define PSA_OPTION_PLUGIN_HOST_DISABLE_A_KEYS            1
#define PSA_OPTION_ALT_ROSETTA                           2
#define PSA_OPTION_DATALESS_IOPOLICY                     4

#endif  // PORTOLAN_SYS_SPAWN_INTERNAL_H_
