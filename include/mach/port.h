// SPDX-License-Identifier: Apache-2.0
// Port names, rights, their types and counts, attributes, guards.
#ifndef PORTOLAN_MACH_PORT_H_
#define PORTOLAN_MACH_PORT_H_

#include <mach/boolean.h>
#include <mach/machine/vm_types.h>
#include <stdint.h>

// A name is 32 bits: an index in the task's table above eight bits of generation. In user space a "port" is
// always a name.
typedef natural_t mach_port_name_t;
typedef mach_port_name_t* mach_port_name_array_t;
typedef mach_port_name_t mach_port_t;
typedef mach_port_t* mach_port_array_t;

#define MACH_PORT_NULL        ((mach_port_t)0)    // no right; may stand in a message
#define MACH_PORT_DEAD        ((mach_port_t)~0u)  // a right whose port died; may stand in a message
#define MACH_PORT_VALID(name) (((name) != MACH_PORT_NULL) && ((name) != MACH_PORT_DEAD))

#define MACH_PORT_INDEX(name)      ((mach_port_name_t)(name) >> 8)
#define MACH_PORT_GEN(name)        ((((mach_port_name_t)(name)) & 0xffu) << 24)
#define MACH_PORT_MAKE(index, gen) (((mach_port_name_t)(index) << 8) | ((mach_port_name_t)(gen) >> 24))

// Kinds of right.
typedef natural_t mach_port_right_t;

#define MACH_PORT_RIGHT_SEND      ((mach_port_right_t)0)
#define MACH_PORT_RIGHT_RECEIVE   ((mach_port_right_t)1)
#define MACH_PORT_RIGHT_SEND_ONCE ((mach_port_right_t)2)
#define MACH_PORT_RIGHT_PORT_SET  ((mach_port_right_t)3)
#define MACH_PORT_RIGHT_DEAD_NAME ((mach_port_right_t)4)
#define MACH_PORT_RIGHT_LABELH    ((mach_port_right_t)5)  // obsolete
#define MACH_PORT_RIGHT_NUMBER    ((mach_port_right_t)6)  // the first that is none

// What a name denotes: one bit per kind of right, and bits for the requests that hang on the name.
typedef natural_t mach_port_type_t;
typedef mach_port_type_t* mach_port_type_array_t;

#define MACH_PORT_TYPE(right) \
  ((mach_port_type_t)(((mach_port_type_t)1) << ((right) + ((mach_port_right_t)16))))

#define MACH_PORT_TYPE_NONE      ((mach_port_type_t)0)
#define MACH_PORT_TYPE_SEND      MACH_PORT_TYPE(MACH_PORT_RIGHT_SEND)
#define MACH_PORT_TYPE_RECEIVE   MACH_PORT_TYPE(MACH_PORT_RIGHT_RECEIVE)
#define MACH_PORT_TYPE_SEND_ONCE MACH_PORT_TYPE(MACH_PORT_RIGHT_SEND_ONCE)
#define MACH_PORT_TYPE_PORT_SET  MACH_PORT_TYPE(MACH_PORT_RIGHT_PORT_SET)
#define MACH_PORT_TYPE_DEAD_NAME MACH_PORT_TYPE(MACH_PORT_RIGHT_DEAD_NAME)
#define MACH_PORT_TYPE_LABELH    MACH_PORT_TYPE(MACH_PORT_RIGHT_LABELH)

#define MACH_PORT_TYPE_SEND_RECEIVE (MACH_PORT_TYPE_SEND | MACH_PORT_TYPE_RECEIVE)
#define MACH_PORT_TYPE_SEND_RIGHTS  (MACH_PORT_TYPE_SEND | MACH_PORT_TYPE_SEND_ONCE)
#define MACH_PORT_TYPE_PORT_RIGHTS  (MACH_PORT_TYPE_SEND_RIGHTS | MACH_PORT_TYPE_RECEIVE)
#define MACH_PORT_TYPE_PORT_OR_DEAD (MACH_PORT_TYPE_PORT_RIGHTS | MACH_PORT_TYPE_DEAD_NAME)
#define MACH_PORT_TYPE_ALL_RIGHTS   (MACH_PORT_TYPE_PORT_OR_DEAD | MACH_PORT_TYPE_PORT_SET)

#define MACH_PORT_TYPE_DNREQUEST         0x80000000U  // a dead-name or send-possible request is waiting
#define MACH_PORT_TYPE_SPREQUEST         0x40000000   // ... and it is a send-possible request
#define MACH_PORT_TYPE_SPREQUEST_DELAYED 0x20000000   // ... that no full queue has armed yet

// Counts.
typedef natural_t mach_port_urefs_t;
typedef integer_t mach_port_delta_t;
typedef natural_t mach_port_seqno_t;
typedef natural_t mach_port_mscount_t;
typedef natural_t mach_port_msgcount_t;
typedef natural_t mach_port_rights_t;

typedef unsigned int mach_port_srights_t;

#define MACH_PORT_SRIGHTS_NONE    0
#define MACH_PORT_SRIGHTS_PRESENT 1

// Limits of a port's queue, in messages.
#define MACH_PORT_QLIMIT_ZERO    0  // always full: only messages to send-once rights get in
#define MACH_PORT_QLIMIT_BASIC   5
#define MACH_PORT_QLIMIT_SMALL   16  // historical
#define MACH_PORT_QLIMIT_LARGE   1024
#define MACH_PORT_QLIMIT_KERNEL  65534  // what nobody can pass
#define MACH_PORT_QLIMIT_MIN     MACH_PORT_QLIMIT_ZERO
#define MACH_PORT_QLIMIT_DEFAULT MACH_PORT_QLIMIT_BASIC
#define MACH_PORT_QLIMIT_MAX     MACH_PORT_QLIMIT_LARGE

// The state of a receive right: flavor MACH_PORT_RECEIVE_STATUS.
typedef struct mach_port_status {
  mach_port_rights_t mps_pset;        // 1 when in any port set, else 0
  mach_port_seqno_t mps_seqno;        // what the next message will get
  mach_port_mscount_t mps_mscount;    // send rights made since the count was last set
  mach_port_msgcount_t mps_qlimit;    // queue limit
  mach_port_msgcount_t mps_msgcount;  // messages queued, promised slots included
  mach_port_rights_t mps_sorights;    // how many send-once rights exist
  boolean_t mps_srights;              // do send rights exist?
  boolean_t mps_pdrequest;            // is a port-destroyed request armed?
  boolean_t mps_nsrequest;            // is a no-senders request armed?
  natural_t mps_flags;                // MACH_PORT_STATUS_FLAG_*
} mach_port_status_t;

#define MACH_PORT_STATUS_FLAG_TEMPOWNER               0x1
#define MACH_PORT_STATUS_FLAG_GUARDED                 0x2  // the context is a guard
#define MACH_PORT_STATUS_FLAG_STRICT_GUARD            0x4  // ... that hides the context
#define MACH_PORT_STATUS_FLAG_IMP_DONATION            0x8
#define MACH_PORT_STATUS_FLAG_REVIVE                  0x10
#define MACH_PORT_STATUS_FLAG_TASKPTR                 0x20
#define MACH_PORT_STATUS_FLAG_GUARD_IMMOVABLE_RECEIVE 0x40
#define MACH_PORT_STATUS_FLAG_NO_GRANT                0x80

typedef struct mach_port_limits {
  mach_port_msgcount_t mpl_qlimit;
} mach_port_limits_t;

typedef struct mach_port_info_ext {
  mach_port_status_t mpie_status;
  mach_port_msgcount_t mpie_boost_cnt;
  uint32_t reserved[6];
} mach_port_info_ext_t;

typedef struct mach_port_guard_info {
  uint64_t mpgi_guard;
} mach_port_guard_info_t;

typedef integer_t* mach_port_info_t;

// Flavors of mach_port_get_attributes, mach_port_set_attributes and mach_port_assert_attributes, and the
// length of each in words of natural_t.
typedef int mach_port_flavor_t;

#define MACH_PORT_LIMITS_INFO         1  // get, set: mach_port_limits_t
#define MACH_PORT_RECEIVE_STATUS      2  // get: mach_port_status_t
#define MACH_PORT_DNREQUESTS_SIZE     3  // get, set: one int
#define MACH_PORT_TEMPOWNER           4  // set, without data
#define MACH_PORT_IMPORTANCE_RECEIVER 5  // set, without data
#define MACH_PORT_DENAP_RECEIVER      6  // set, without data
#define MACH_PORT_INFO_EXT            7  // get: mach_port_info_ext_t
#define MACH_PORT_GUARD_INFO          8  // assert: mach_port_guard_info_t
#define MACH_PORT_SERVICE_THROTTLED   9  // get, set: one int, service ports only

#define MACH_PORT_LIMITS_INFO_COUNT       ((natural_t)(sizeof(mach_port_limits_t) / sizeof(natural_t)))
#define MACH_PORT_RECEIVE_STATUS_COUNT    ((natural_t)(sizeof(mach_port_status_t) / sizeof(natural_t)))
#define MACH_PORT_DNREQUESTS_SIZE_COUNT   1
#define MACH_PORT_INFO_EXT_COUNT          ((natural_t)(sizeof(mach_port_info_ext_t) / sizeof(natural_t)))
#define MACH_PORT_GUARD_INFO_COUNT        ((natural_t)(sizeof(mach_port_guard_info_t) / sizeof(natural_t)))
#define MACH_PORT_SERVICE_THROTTLED_COUNT 1

// How mach_port_allocate_full is told what it may do.
typedef struct mach_port_qos {
  unsigned int name : 1;      // the caller chose the name
  unsigned int prealloc : 1;  // checked, then ignored
  boolean_t pad1 : 30;
  natural_t len;
} mach_port_qos_t;

// Name and domain of a service port.
#define MACH_SERVICE_PORT_INFO_STRING_NAME_MAX_BUF_LEN 255  // terminator included

typedef struct mach_service_port_info {
  char mspi_string_name[MACH_SERVICE_PORT_INFO_STRING_NAME_MAX_BUF_LEN];
  uint8_t mspi_domain_type;
} mach_service_port_info_data_t;

// Zero on every machine with eight bits to the char; callers want the size of the structure.
#define MACH_SERVICE_PORT_INFO_COUNT ((char)(sizeof(mach_service_port_info_data_t) / sizeof(char)))

typedef struct mach_service_port_info* mach_service_port_info_t;

// What mach_port_construct makes: flags of mach_port_options_t.
#define MPO_CONTEXT_AS_GUARD             0x1  // the context guards the port
#define MPO_QLIMIT                       0x2  // take the queue limit from mpl
#define MPO_TEMPOWNER                    0x4
#define MPO_IMPORTANCE_RECEIVER          0x8
#define MPO_INSERT_SEND_RIGHT            0x10  // one send right under the same name
#define MPO_STRICT                       0x20  // the guard hides the context
#define MPO_DENAP_RECEIVER               0x40
#define MPO_IMMOVABLE_RECEIVE            0x80  // the receive right stays in this space
#define MPO_FILTER_MSG                   0x100
#define MPO_TG_BLOCK_TRACKING            0x200
#define MPO_SERVICE_PORT                 0x400  // for the service manager
#define MPO_CONNECTION_PORT              0x800  // made from a service port
#define MPO_REPLY_PORT                   0x1000
#define MPO_ENFORCE_REPLY_PORT_SEMANTICS 0x2000  // who sends here must use a reply port
#define MPO_PROVISIONAL_REPLY_PORT       0x4000
#define MPO_EXCEPTION_PORT               0x8000

typedef struct mach_port_options {
  uint32_t flags;          // MPO_*
  mach_port_limits_t mpl;  // with MPO_QLIMIT
  union {
    uint64_t reserved[2];
    mach_port_name_t work_interval_port;
    mach_service_port_info_t service_port_info;
    mach_port_name_t service_port_name;
  };
} mach_port_options_t;

typedef mach_port_options_t* mach_port_options_ptr_t;

// Guards: flags of mach_port_guard_with_flags.
#define MPG_STRICT            0x1  // the guard hides the context
#define MPG_IMMOVABLE_RECEIVE 0x2  // the receive right stays in this space

// EXC_GUARD for Mach ports: the type (bits 61 to 63 of the code), and the flavors (bits 32 to 60). The name
// is in bits 0 to 31.
#ifndef GUARD_TYPE_MACH_PORT
#define GUARD_TYPE_MACH_PORT 0x1
#endif

enum mach_port_guard_exception_codes {
  // Always fatal.
  kGUARD_EXC_DESTROY = 1,
  kGUARD_EXC_MOD_REFS = 2,
  kGUARD_EXC_INVALID_OPTIONS = 3,
  kGUARD_EXC_SET_CONTEXT = 4,
  kGUARD_EXC_THREAD_SET_STATE = 5,
  kGUARD_EXC_EXCEPTION_BEHAVIOR_ENFORCE = 6,
  kGUARD_EXC_SERVICE_PORT_VIOLATION_FATAL = 7,
  kGUARD_EXC_UNGUARDED = 8,
  kGUARD_EXC_INCORRECT_GUARD = 16,
  kGUARD_EXC_IMMOVABLE = 32,
  kGUARD_EXC_STRICT_REPLY = 64,
  kGUARD_EXC_MSG_FILTERED = 128,
  // Only for tasks that asked for them.
  kGUARD_EXC_INVALID_RIGHT = 256,
  kGUARD_EXC_INVALID_NAME = 512,
  kGUARD_EXC_INVALID_VALUE = 1024,
  kGUARD_EXC_INVALID_ARGUMENT = 2048,
  kGUARD_EXC_RIGHT_EXISTS = 4096,
  kGUARD_EXC_KERN_NO_SPACE = 8192,
  kGUARD_EXC_KERN_FAILURE = 16384,
  kGUARD_EXC_KERN_RESOURCE = 32768,
  kGUARD_EXC_SEND_INVALID_REPLY = 0x10000,
  kGUARD_EXC_SEND_INVALID_VOUCHER = 0x20000,
  kGUARD_EXC_SEND_INVALID_RIGHT = 0x40000,
  kGUARD_EXC_RCV_INVALID_NAME = 0x80000,
  // Never fatal.
  kGUARD_EXC_RCV_GUARDED_DESC = 0x100000,
  kGUARD_EXC_SERVICE_PORT_VIOLATION_NON_FATAL = 0x100001,
  kGUARD_EXC_PROVISIONAL_REPLY_PORT = 0x100002,
  kGUARD_EXC_MOD_REFS_NON_FATAL = 0x200000,
  kGUARD_EXC_IMMOVABLE_NON_FATAL = 0x400000,
  kGUARD_EXC_REQUIRE_REPLY_PORT_SEMANTICS = 0x800000
};

#define MAX_FATAL_kGUARD_EXC_CODE    kGUARD_EXC_MSG_FILTERED
#define MAX_OPTIONAL_kGUARD_EXC_CODE kGUARD_EXC_RCV_INVALID_NAME

// Details in the top byte of the second code word.
#define MPG_FLAGS_NONE                            0x00ull
#define MPG_FLAGS_STRICT_REPLY_INVALID_REPLY_DISP (0x01ull << 56)
#define MPG_FLAGS_STRICT_REPLY_INVALID_REPLY_PORT (0x02ull << 56)
#define MPG_FLAGS_STRICT_REPLY_INVALID_VOUCHER    (0x04ull << 56)
#define MPG_FLAGS_STRICT_REPLY_NO_BANK_ATTR       (0x08ull << 56)
#define MPG_FLAGS_STRICT_REPLY_MISMATCHED_PERSONA (0x10ull << 56)
#define MPG_FLAGS_STRICT_REPLY_MASK               (0xffull << 56)
#define MPG_FLAGS_MOD_REFS_PINNED_DEALLOC         (0x01ull << 56)
#define MPG_FLAGS_MOD_REFS_PINNED_DESTROY         (0x02ull << 56)
#define MPG_FLAGS_MOD_REFS_PINNED_COPYIN          (0x04ull << 56)
#define MPG_FLAGS_IMMOVABLE_PINNED                (0x01ull << 56)

#endif  // PORTOLAN_MACH_PORT_H_
