// SPDX-License-Identifier: Apache-2.0
// Messages: header, descriptors, trailers, options, result codes, and mach_msg itself.
#ifndef PORTOLAN_MACH_MESSAGE_H_
#define PORTOLAN_MACH_MESSAGE_H_

#include <mach/boolean.h>
#include <mach/kern_return.h>
#include <mach/port.h>
#include <portolan/export.h>
#include <stdint.h>

typedef natural_t mach_msg_timeout_t;  // milliseconds

#define MACH_MSG_TIMEOUT_NONE ((mach_msg_timeout_t)0)

// --- msgh_bits -------------------------------------------------------------------------------------------

typedef unsigned int mach_msg_bits_t;
typedef natural_t mach_msg_size_t;
typedef integer_t mach_msg_id_t;

#define MACH_MSGH_BITS_ZERO         0x00000000U
#define MACH_MSGH_BITS_REMOTE_MASK  0x0000001fU  // how msgh_remote_port travels
#define MACH_MSGH_BITS_LOCAL_MASK   0x00001f00U  // how msgh_local_port travels
#define MACH_MSGH_BITS_VOUCHER_MASK 0x001f0000U  // how msgh_voucher_port travels
#define MACH_MSGH_BITS_PORTS_MASK \
  (MACH_MSGH_BITS_REMOTE_MASK | MACH_MSGH_BITS_LOCAL_MASK | MACH_MSGH_BITS_VOUCHER_MASK)
#define MACH_MSGH_BITS_COMPLEX       0x80000000U  // descriptors follow the header
#define MACH_MSGH_BITS_USER          0x801f1f1fU  // what a sender may set; the rest is cleared
#define MACH_MSGH_BITS_RAISEIMP      0x20000000U  // set by the kernel
#define MACH_MSGH_BITS_DENAP         MACH_MSGH_BITS_RAISEIMP
#define MACH_MSGH_BITS_IMPHOLDASRT   0x10000000U
#define MACH_MSGH_BITS_DENAPHOLDASRT MACH_MSGH_BITS_IMPHOLDASRT
#define MACH_MSGH_BITS_CIRCULAR      0x10000000U  // inside the kernel only
#define MACH_MSGH_BITS_USED          0xb01f1f1fU

// MACH_MSGH_BITS puts two dispositions together without masking them; the _SET forms mask.
#define MACH_MSGH_BITS(remote, local) ((mach_msg_bits_t)(remote) | ((mach_msg_bits_t)(local) << 8))
#define MACH_MSGH_BITS_SET_PORTS(remote, local, voucher)           \
  ((((mach_msg_bits_t)(remote)) & MACH_MSGH_BITS_REMOTE_MASK) |    \
   (((mach_msg_bits_t)(local) << 8) & MACH_MSGH_BITS_LOCAL_MASK) | \
   (((mach_msg_bits_t)(voucher) << 16) & MACH_MSGH_BITS_VOUCHER_MASK))
#define MACH_MSGH_BITS_SET(remote, local, voucher, other)   \
  (MACH_MSGH_BITS_SET_PORTS((remote), (local), (voucher)) | \
   ((mach_msg_bits_t)(other) & ~MACH_MSGH_BITS_PORTS_MASK))

#define MACH_MSGH_BITS_REMOTE(bits)  (((mach_msg_bits_t)(bits)) & MACH_MSGH_BITS_REMOTE_MASK)
#define MACH_MSGH_BITS_LOCAL(bits)   ((((mach_msg_bits_t)(bits)) & MACH_MSGH_BITS_LOCAL_MASK) >> 8)
#define MACH_MSGH_BITS_VOUCHER(bits) ((((mach_msg_bits_t)(bits)) & MACH_MSGH_BITS_VOUCHER_MASK) >> 16)
#define MACH_MSGH_BITS_PORTS(bits)   (((mach_msg_bits_t)(bits)) & MACH_MSGH_BITS_PORTS_MASK)
#define MACH_MSGH_BITS_OTHER(bits)   (((mach_msg_bits_t)(bits)) & ~MACH_MSGH_BITS_PORTS_MASK)

#define MACH_MSGH_BITS_HAS_REMOTE(bits)  (MACH_MSGH_BITS_REMOTE(bits) != MACH_MSGH_BITS_ZERO)
#define MACH_MSGH_BITS_HAS_LOCAL(bits)   (MACH_MSGH_BITS_LOCAL(bits) != MACH_MSGH_BITS_ZERO)
#define MACH_MSGH_BITS_HAS_VOUCHER(bits) (MACH_MSGH_BITS_VOUCHER(bits) != MACH_MSGH_BITS_ZERO)
#define MACH_MSGH_BITS_IS_COMPLEX(bits) \
  ((((mach_msg_bits_t)(bits)) & MACH_MSGH_BITS_COMPLEX) != MACH_MSGH_BITS_ZERO)
#define MACH_MSGH_BITS_RAISED_IMPORTANCE(bits) \
  ((((mach_msg_bits_t)(bits)) & MACH_MSGH_BITS_RAISEIMP) != MACH_MSGH_BITS_ZERO)
#define MACH_MSGH_BITS_HOLDS_IMPORTANCE_ASSERTION(bits) \
  ((((mach_msg_bits_t)(bits)) & MACH_MSGH_BITS_IMPHOLDASRT) != MACH_MSGH_BITS_ZERO)

// --- Dispositions: how a right goes into a message (16 to 21), and how it comes out (16 to 18) -----------

typedef unsigned int mach_msg_type_name_t;

#define MACH_MSG_TYPE_PORT_NONE         ((mach_msg_type_name_t)0)
#define MACH_MSG_TYPE_PORT_NAME         ((mach_msg_type_name_t)15)  // a number, no right
#define MACH_MSG_TYPE_MOVE_RECEIVE      16                          // gives up the receive right
#define MACH_MSG_TYPE_MOVE_SEND         17                          // gives up one reference of a send right
#define MACH_MSG_TYPE_MOVE_SEND_ONCE    18                          // gives up the send-once right
#define MACH_MSG_TYPE_COPY_SEND         19                          // needs a send right, keeps it
#define MACH_MSG_TYPE_MAKE_SEND         20                          // needs the receive right, keeps it
#define MACH_MSG_TYPE_MAKE_SEND_ONCE    21                          // needs the receive right, keeps it
#define MACH_MSG_TYPE_COPY_RECEIVE      22                          // never valid
#define MACH_MSG_TYPE_DISPOSE_RECEIVE   24                          // for stubs only
#define MACH_MSG_TYPE_DISPOSE_SEND      25                          // for stubs only
#define MACH_MSG_TYPE_DISPOSE_SEND_ONCE 26                          // for stubs only

#define MACH_MSG_TYPE_PORT_RECEIVE   MACH_MSG_TYPE_MOVE_RECEIVE
#define MACH_MSG_TYPE_PORT_SEND      MACH_MSG_TYPE_MOVE_SEND
#define MACH_MSG_TYPE_PORT_SEND_ONCE MACH_MSG_TYPE_MOVE_SEND_ONCE

#define MACH_MSG_TYPE_LAST        22
#define MACH_MSG_TYPE_POLYMORPHIC ((mach_msg_type_name_t)~0u)

#define MACH_MSG_TYPE_PORT_ANY(x) \
  (((x) >= MACH_MSG_TYPE_MOVE_RECEIVE) && ((x) <= MACH_MSG_TYPE_MAKE_SEND_ONCE))
#define MACH_MSG_TYPE_PORT_ANY_SEND(x) \
  (((x) >= MACH_MSG_TYPE_MOVE_SEND) && ((x) <= MACH_MSG_TYPE_MAKE_SEND_ONCE))
#define MACH_MSG_TYPE_PORT_ANY_SEND_ONCE(x) \
  (((x) == MACH_MSG_TYPE_MOVE_SEND_ONCE) || ((x) == MACH_MSG_TYPE_MAKE_SEND_ONCE))
#define MACH_MSG_TYPE_PORT_ANY_RIGHT(x) \
  (((x) >= MACH_MSG_TYPE_MOVE_RECEIVE) && ((x) <= MACH_MSG_TYPE_MOVE_SEND_ONCE))

// --- Options ---------------------------------------------------------------------------------------------

typedef integer_t mach_msg_option_t;
typedef integer_t mach_msg_options_t;
typedef uint64_t mach_msg_option64_t;

#define MACH_MSG_OPTION_NONE 0x00000000
#define MACH_SEND_MSG        0x00000001
#define MACH_RCV_MSG         0x00000002  // after the send when both are asked for

#define MACH_RCV_LARGE          0x00000004  // a message that does not fit stays queued
#define MACH_RCV_LARGE_IDENTITY 0x00000008  // ... and its port is named

#define MACH_SEND_TIMEOUT                0x00000010
#define MACH_SEND_OVERRIDE               0x00000020  // the last argument is a priority
#define MACH_SEND_INTERRUPT              0x00000040  // do not restart after a signal
#define MACH_SEND_NOTIFY                 0x00000080  // arm the name's send-possible request when full
#define MACH_SEND_ALWAYS                 0x00010000  // inside the kernel only
#define MACH_SEND_FILTER_NONFATAL        0x00010000
#define MACH_SEND_TRAILER                0x00020000
#define MACH_SEND_NOIMPORTANCE           0x00040000
#define MACH_SEND_NODENAP                MACH_SEND_NOIMPORTANCE
#define MACH_SEND_IMPORTANCE             0x00080000  // inside the kernel only
#define MACH_SEND_SYNC_OVERRIDE          0x00100000
#define MACH_SEND_PROPAGATE_QOS          0x00200000
#define MACH_SEND_SYNC_USE_THRPRI        MACH_SEND_PROPAGATE_QOS
#define MACH_SEND_KERNEL                 0x00400000  // inside the kernel only
#define MACH_SEND_SYNC_BOOTSTRAP_CHECKIN 0x00800000

#define MACH_RCV_TIMEOUT      0x00000100
#define MACH_RCV_NOTIFY       0x00000000  // retired
#define MACH_RCV_INTERRUPT    0x00000400  // do not restart after a signal
#define MACH_RCV_VOUCHER      0x00000800
#define MACH_RCV_OVERWRITE    0x00000000  // retired
#define MACH_RCV_GUARDED_DESC 0x00001000  // guarded port descriptors are welcome
#define MACH_RCV_SYNC_WAIT    0x00004000
#define MACH_RCV_SYNC_PEEK    0x00008000

#define MACH_MSG_STRICT_REPLY 0x00000200

// Which trailer a receiver wants: elements in bits 24 to 27, type in bits 28 to 31.
#define MACH_RCV_TRAILER_NULL        0
#define MACH_RCV_TRAILER_SEQNO       1
#define MACH_RCV_TRAILER_SENDER      2
#define MACH_RCV_TRAILER_AUDIT       3
#define MACH_RCV_TRAILER_CTX         4
#define MACH_RCV_TRAILER_AV          7
#define MACH_RCV_TRAILER_LABELS      8
#define MACH_RCV_TRAILER_TYPE(x)     ((mach_msg_option_t)(((unsigned int)(x)&0xfu) << 28))
#define MACH_RCV_TRAILER_ELEMENTS(x) ((mach_msg_option_t)(((unsigned int)(x)&0xfu) << 24))
#define MACH_RCV_TRAILER_MASK        (0xf << 24)
#define GET_RCV_ELEMENTS(y)          (((unsigned int)(y) >> 24) & 0xfu)

// --- Descriptors -----------------------------------------------------------------------------------------

typedef unsigned int mach_msg_copy_options_t;

#define MACH_MSG_PHYSICAL_COPY 0
#define MACH_MSG_VIRTUAL_COPY  1
#define MACH_MSG_ALLOCATE      2  // retired: refused on send
#define MACH_MSG_OVERWRITE     3  // retired: refused on send

typedef unsigned int mach_msg_guard_flags_t;

#define MACH_MSG_GUARD_FLAGS_NONE              0x0000
#define MACH_MSG_GUARD_FLAGS_IMMOVABLE_RECEIVE 0x0001
#define MACH_MSG_GUARD_FLAGS_UNGUARDED_ON_SEND 0x0002
#define MACH_MSG_GUARD_FLAGS_MASK              0x0003

typedef unsigned int mach_msg_descriptor_type_t;

#define MACH_MSG_PORT_DESCRIPTOR         0
#define MACH_MSG_OOL_DESCRIPTOR          1
#define MACH_MSG_OOL_PORTS_DESCRIPTOR    2
#define MACH_MSG_OOL_VOLATILE_DESCRIPTOR 3
#define MACH_MSG_GUARDED_PORT_DESCRIPTOR 4
#define MACH_MSG_DESCRIPTOR_MAX          MACH_MSG_GUARDED_PORT_DESCRIPTOR

#pragma pack(push, 4)

// The part that all descriptors share: the type is their byte 11. A port descriptor has 12 bytes, the
// others have 16, so descriptors are walked, never indexed.
typedef struct {
  natural_t pad1;
  mach_msg_size_t pad2;
  unsigned int pad3 : 24;
  mach_msg_descriptor_type_t type : 8;
} mach_msg_type_descriptor_t;

typedef struct {
  mach_port_t name;
  mach_msg_size_t pad1;
  unsigned int pad2 : 16;
  mach_msg_type_name_t disposition : 8;
  mach_msg_descriptor_type_t type : 8;
} mach_msg_port_descriptor_t;

typedef struct {
  uint32_t address;
  mach_msg_size_t size;
  boolean_t deallocate : 8;
  mach_msg_copy_options_t copy : 8;
  unsigned int pad1 : 8;
  mach_msg_descriptor_type_t type : 8;
} mach_msg_ool_descriptor32_t;

typedef struct {
  uint64_t address;
  boolean_t deallocate : 8;
  mach_msg_copy_options_t copy : 8;
  unsigned int pad1 : 8;
  mach_msg_descriptor_type_t type : 8;
  mach_msg_size_t size;
} mach_msg_ool_descriptor64_t;

// Memory out of line: size bytes at address.
typedef struct {
  void* address;
  boolean_t deallocate : 8;
  mach_msg_copy_options_t copy : 8;
  unsigned int pad1 : 8;
  mach_msg_descriptor_type_t type : 8;
  mach_msg_size_t size;
} mach_msg_ool_descriptor_t;

typedef struct {
  uint32_t address;
  mach_msg_size_t count;
  boolean_t deallocate : 8;
  mach_msg_copy_options_t copy : 8;
  mach_msg_type_name_t disposition : 8;
  mach_msg_descriptor_type_t type : 8;
} mach_msg_ool_ports_descriptor32_t;

typedef struct {
  uint64_t address;
  boolean_t deallocate : 8;
  mach_msg_copy_options_t copy : 8;
  mach_msg_type_name_t disposition : 8;
  mach_msg_descriptor_type_t type : 8;
  mach_msg_size_t count;
} mach_msg_ool_ports_descriptor64_t;

// Rights out of line: count names at address, all with one disposition.
typedef struct {
  void* address;
  boolean_t deallocate : 8;
  mach_msg_copy_options_t copy : 8;
  mach_msg_type_name_t disposition : 8;
  mach_msg_descriptor_type_t type : 8;
  mach_msg_size_t count;
} mach_msg_ool_ports_descriptor_t;

typedef struct {
  uint32_t context;
  mach_port_name_t name;
  mach_msg_guard_flags_t flags : 16;
  mach_msg_type_name_t disposition : 8;
  mach_msg_descriptor_type_t type : 8;
} mach_msg_guarded_port_descriptor32_t;

typedef struct {
  uint64_t context;
  mach_msg_guard_flags_t flags : 16;
  mach_msg_type_name_t disposition : 8;
  mach_msg_descriptor_type_t type : 8;
  mach_port_name_t name;
} mach_msg_guarded_port_descriptor64_t;

// A receive right that is unguarded on its way out and may be guarded on its way in.
typedef struct {
  mach_port_context_t context;
  mach_msg_guard_flags_t flags : 16;
  mach_msg_type_name_t disposition : 8;
  mach_msg_descriptor_type_t type : 8;
  mach_port_name_t name;
} mach_msg_guarded_port_descriptor_t;

typedef union {
  mach_msg_port_descriptor_t port;
  mach_msg_ool_descriptor_t out_of_line;
  mach_msg_ool_ports_descriptor_t ool_ports;
  mach_msg_type_descriptor_t type;
  mach_msg_guarded_port_descriptor_t guarded_port;
} mach_msg_descriptor_t;

// --- Header and body -------------------------------------------------------------------------------------

// Follows the header of a complex message; the descriptors follow it.
typedef struct {
  mach_msg_size_t msgh_descriptor_count;
} mach_msg_body_t;

typedef struct {
  mach_msg_bits_t msgh_bits;     // dispositions and MACH_MSGH_BITS_COMPLEX
  mach_msg_size_t msgh_size;     // ignored on send; what came, without the trailer, on receive
  mach_port_t msgh_remote_port;  // send: where to; receive: where to reply
  mach_port_t msgh_local_port;   // send: where to reply; receive: where it arrived
  mach_port_name_t msgh_voucher_port;
  mach_msg_id_t msgh_id;  // the sender's business
} mach_msg_header_t;

#define msgh_reserved msgh_voucher_port

typedef struct {
  mach_msg_header_t header;
  mach_msg_body_t body;
} mach_msg_base_t;

// --- Trailers: each is a prefix of the next --------------------------------------------------------------

typedef unsigned int mach_msg_trailer_type_t;
typedef unsigned int mach_msg_trailer_size_t;
typedef char* mach_msg_trailer_info_t;

#define MACH_MSG_TRAILER_FORMAT_0 0

typedef struct {
  mach_msg_trailer_type_t msgh_trailer_type;
  mach_msg_trailer_size_t msgh_trailer_size;
} mach_msg_trailer_t;

typedef struct {
  mach_msg_trailer_type_t msgh_trailer_type;
  mach_msg_trailer_size_t msgh_trailer_size;
  mach_port_seqno_t msgh_seqno;
} mach_msg_seqno_trailer_t;

// Effective user and group of the sender; {0, 1} when the kernel sent.
typedef struct {
  unsigned int val[2];
} security_token_t;

typedef struct {
  mach_msg_trailer_type_t msgh_trailer_type;
  mach_msg_trailer_size_t msgh_trailer_size;
  mach_port_seqno_t msgh_seqno;
  security_token_t msgh_sender;
} mach_msg_security_trailer_t;

// The sender's audit user, effective user and group, real user and group, process, audit session, and
// version of the process; all zero when the kernel sent.
typedef struct {
  unsigned int val[8];
} audit_token_t;

#define INVALID_AUDIT_TOKEN_VALUE                                                                            \
  {                                                                                                          \
    {                                                                                                        \
      0xffffffffu, 0xffffffffu, 0xffffffffu, 0xffffffffu, 0xffffffffu, 0xffffffffu, 0xffffffffu, 0xffffffffu \
    }                                                                                                        \
  }

typedef struct {
  mach_msg_trailer_type_t msgh_trailer_type;
  mach_msg_trailer_size_t msgh_trailer_size;
  mach_port_seqno_t msgh_seqno;
  security_token_t msgh_sender;
  audit_token_t msgh_audit;
} mach_msg_audit_trailer_t;

typedef struct {
  mach_msg_trailer_type_t msgh_trailer_type;
  mach_msg_trailer_size_t msgh_trailer_size;
  mach_port_seqno_t msgh_seqno;
  security_token_t msgh_sender;
  audit_token_t msgh_audit;
  mach_port_context_t msgh_context;  // of the port it was received from
} mach_msg_context_trailer_t;

typedef struct {
  mach_port_name_t sender;
} msg_labels_t;

typedef int mach_msg_filter_id;

#define MACH_MSG_FILTER_POLICY_ALLOW ((mach_msg_filter_id)0)

typedef struct {
  mach_msg_trailer_type_t msgh_trailer_type;
  mach_msg_trailer_size_t msgh_trailer_size;
  mach_port_seqno_t msgh_seqno;
  security_token_t msgh_sender;
  audit_token_t msgh_audit;
  mach_port_context_t msgh_context;
  mach_msg_filter_id msgh_ad;
  msg_labels_t msgh_labels;
} mach_msg_mac_trailer_t;

typedef mach_msg_mac_trailer_t mach_msg_max_trailer_t;
typedef mach_msg_security_trailer_t mach_msg_format_0_trailer_t;

#define MACH_MSG_TRAILER_MINIMUM_SIZE  sizeof(mach_msg_trailer_t)
#define MAX_TRAILER_SIZE               ((mach_msg_size_t)sizeof(mach_msg_max_trailer_t))
#define MACH_MSG_TRAILER_FORMAT_0_SIZE sizeof(mach_msg_format_0_trailer_t)

typedef struct {
  mach_msg_header_t header;
} mach_msg_empty_send_t;

typedef struct {
  mach_msg_header_t header;
  mach_msg_trailer_t trailer;
} mach_msg_empty_rcv_t;

typedef union {
  mach_msg_empty_send_t send;
  mach_msg_empty_rcv_t rcv;
} mach_msg_empty_t;

// --- Vectors: a message and its auxiliary data -----------------------------------------------------------

typedef struct {
  mach_vm_address_t msgv_data;      // the bytes to send; received into as well if msgv_rcv_addr is 0
  mach_vm_address_t msgv_rcv_addr;  // where to receive
  mach_msg_size_t msgv_send_size;
  mach_msg_size_t msgv_rcv_size;
} mach_msg_vector_t;

typedef struct {
  mach_msg_size_t msgdh_size;  // of the auxiliary data, this header included
  uint32_t msgdh_reserved;
} mach_msg_aux_header_t;

#pragma pack(pop)

#define MACH_MSG_SIZE_NULL       ((mach_msg_size_t*)0)
#define MACH_MSG_BODY_NULL       ((mach_msg_body_t*)0)
#define MACH_MSG_DESCRIPTOR_NULL ((mach_msg_descriptor_t*)0)
#define MACH_MSG_NULL            ((mach_msg_header_t*)0)

#define MACH_MSGV_IDX_MSG            0
#define MACH_MSGV_IDX_AUX            1
#define MACH_MSGV_MAX_COUNT          2
#define LIBSYSCALL_MSGV_AUX_MAX_SIZE 128

// Trailers start at the message's size rounded up.
#define round_msg(x)                                                  \
  (((mach_msg_size_t)(x) + (mach_msg_size_t)sizeof(natural_t) - 1u) & \
   ~((mach_msg_size_t)sizeof(natural_t) - 1u))

// Bytes of trailer that an option word asks for.
#define REQUESTED_TRAILER_SIZE_NATIVE(y)                                                                   \
  ((mach_msg_trailer_size_t)(GET_RCV_ELEMENTS(y) == MACH_RCV_TRAILER_NULL ? sizeof(mach_msg_trailer_t)     \
                             : GET_RCV_ELEMENTS(y) == MACH_RCV_TRAILER_SEQNO                               \
                                 ? sizeof(mach_msg_seqno_trailer_t)                                        \
                             : GET_RCV_ELEMENTS(y) == MACH_RCV_TRAILER_SENDER                              \
                                 ? sizeof(mach_msg_security_trailer_t)                                     \
                             : GET_RCV_ELEMENTS(y) == MACH_RCV_TRAILER_AUDIT                               \
                                 ? sizeof(mach_msg_audit_trailer_t)                                        \
                             : GET_RCV_ELEMENTS(y) == MACH_RCV_TRAILER_CTX                                 \
                                 ? sizeof(mach_msg_context_trailer_t)                                      \
                             : GET_RCV_ELEMENTS(y) == MACH_RCV_TRAILER_AV ? sizeof(mach_msg_mac_trailer_t) \
                                                                          : sizeof(mach_msg_max_trailer_t)))
#define REQUESTED_TRAILER_SIZE(y) REQUESTED_TRAILER_SIZE_NATIVE(y)

#define MACH_MSG_SIZE_MAX      ((mach_msg_size_t)~0u)  // no limit is declared; the kernel has one
#define MACH_MSG_SIZE_RELIABLE ((mach_msg_size_t)256 * 1024)

#define MACH_MSGH_KIND_NORMAL       0x00000000
#define MACH_MSGH_KIND_NOTIFICATION 0x00000001

typedef natural_t mach_msg_type_size_t;
typedef natural_t mach_msg_type_number_t;

// --- Priorities ------------------------------------------------------------------------------------------

typedef unsigned int mach_msg_priority_t;
typedef uint8_t mach_msg_qos_t;

#define MACH_MSG_PRIORITY_UNSPECIFIED ((mach_msg_priority_t)0)
#define MACH_MSG_QOS_UNSPECIFIED      ((mach_msg_qos_t)0)
#define MACH_MSG_QOS_MAINTENANCE      ((mach_msg_qos_t)1)
#define MACH_MSG_QOS_BACKGROUND       ((mach_msg_qos_t)2)
#define MACH_MSG_QOS_UTILITY          ((mach_msg_qos_t)3)
#define MACH_MSG_QOS_DEFAULT          ((mach_msg_qos_t)4)
#define MACH_MSG_QOS_USER_INITIATED   ((mach_msg_qos_t)5)
#define MACH_MSG_QOS_USER_INTERACTIVE ((mach_msg_qos_t)6)
#define MACH_MSG_QOS_LAST             ((mach_msg_qos_t)6)

#define MACH_MSG_PRIORITY_RELPRI_SHIFT   8
#define MACH_MSG_PRIORITY_RELPRI_MASK    0xff00
#define MACH_MSG_PRIORITY_QOS_SHIFT      16
#define MACH_MSG_PRIORITY_QOS_MASK       0xf0000
#define MACH_MSG_PRIORITY_OVERRIDE_SHIFT 20
#define MACH_MSG_PRIORITY_OVERRIDE_MASK  0xf00000

// --- Options of mach_msg2; the low half is that of mach_msg ----------------------------------------------

#define MACH64_MSG_OPTION_NONE             0x0ULL
#define MACH64_SEND_MSG                    0x1ULL
#define MACH64_RCV_MSG                     0x2ULL
#define MACH64_RCV_LARGE                   0x4ULL
#define MACH64_RCV_LARGE_IDENTITY          0x8ULL
#define MACH64_SEND_TIMEOUT                0x10ULL
#define MACH64_SEND_OVERRIDE               0x20ULL
#define MACH64_SEND_INTERRUPT              0x40ULL
#define MACH64_SEND_NOTIFY                 0x80ULL
#define MACH64_SEND_FILTER_NONFATAL        0x10000ULL
#define MACH64_SEND_TRAILER                0x20000ULL
#define MACH64_SEND_NOIMPORTANCE           0x40000ULL
#define MACH64_SEND_NODENAP                MACH64_SEND_NOIMPORTANCE
#define MACH64_SEND_SYNC_OVERRIDE          0x100000ULL
#define MACH64_SEND_PROPAGATE_QOS          0x200000ULL
#define MACH64_SEND_SYNC_BOOTSTRAP_CHECKIN 0x800000ULL
#define MACH64_RCV_TIMEOUT                 0x100ULL
#define MACH64_RCV_INTERRUPT               0x400ULL
#define MACH64_RCV_VOUCHER                 0x800ULL
#define MACH64_RCV_GUARDED_DESC            0x1000ULL
#define MACH64_RCV_SYNC_WAIT               0x4000ULL
#define MACH64_RCV_SYNC_PEEK               0x8000ULL
#define MACH64_MSG_STRICT_REPLY            0x200ULL
#define MACH64_MSG_VECTOR                  0x100000000ULL  // the buffer is an array of mach_msg_vector_t
#define MACH64_SEND_KOBJECT_CALL           0x200000000ULL  // to a kernel object
#define MACH64_SEND_MQ_CALL                0x400000000ULL  // to a queue
#define MACH64_SEND_USER_CALL              MACH64_SEND_MQ_CALL
#define MACH64_SEND_ANY                    0x800000000ULL
#define MACH64_SEND_DK_CALL                0x1000000000ULL

// --- Result codes ----------------------------------------------------------------------------------------

typedef kern_return_t mach_msg_return_t;

#define MACH_MSG_SUCCESS 0x00000000

// Why something in a message could not be handed over: joined with MACH_RCV_HEADER_ERROR,
// MACH_RCV_BODY_ERROR, or the code of a send whose message came back. Mask them out before comparing.
#define MACH_MSG_MASK       0x00003e00
#define MACH_MSG_IPC_SPACE  0x00002000  // no room for names
#define MACH_MSG_VM_SPACE   0x00001000  // no room for memory
#define MACH_MSG_IPC_KERNEL 0x00000800  // the kernel ran short over rights
#define MACH_MSG_VM_KERNEL  0x00000400  // the kernel ran short over memory

#define MACH_SEND_IN_PROGRESS         0x10000001  // never returned
#define MACH_SEND_INVALID_DATA        0x10000002  // the message cannot be read
#define MACH_SEND_INVALID_DEST        0x10000003  // no such destination
#define MACH_SEND_TIMED_OUT           0x10000004  // the queue stayed full; the message came back
#define MACH_SEND_INVALID_VOUCHER     0x10000005
#define MACH_SEND_INTERRUPTED         0x10000007  // the message came back
#define MACH_SEND_MSG_TOO_SMALL       0x10000008  // too short for its header or its descriptors
#define MACH_SEND_INVALID_REPLY       0x10000009  // no such reply port
#define MACH_SEND_INVALID_RIGHT       0x1000000a  // no such right in the body
#define MACH_SEND_INVALID_NOTIFY      0x1000000b  // never returned
#define MACH_SEND_INVALID_MEMORY      0x1000000c  // memory out of line cannot be read
#define MACH_SEND_NO_BUFFER           0x1000000d  // no memory for the message, or the queue is at its very end
#define MACH_SEND_TOO_LARGE           0x1000000e  // more bytes or rights than a message may have
#define MACH_SEND_INVALID_TYPE        0x1000000f  // a descriptor makes no sense
#define MACH_SEND_INVALID_HEADER      0x10000010  // a disposition makes no sense
#define MACH_SEND_INVALID_TRAILER     0x10000011  // never returned
#define MACH_SEND_INVALID_CONTEXT     0x10000012
#define MACH_SEND_INVALID_OPTIONS     0x10000013
#define MACH_SEND_INVALID_RT_OOL_SIZE 0x10000015  // never returned
#define MACH_SEND_NO_GRANT_DEST       0x10000016  // the destination takes no rights
#define MACH_SEND_MSG_FILTERED        0x10000017
#define MACH_SEND_AUX_TOO_SMALL       0x10000018
#define MACH_SEND_AUX_TOO_LARGE       0x10000019

#define MACH_RCV_IN_PROGRESS       0x10004001  // never returned
#define MACH_RCV_INVALID_NAME      0x10004002  // not a receive right or a port set
#define MACH_RCV_TIMED_OUT         0x10004003
#define MACH_RCV_TOO_LARGE         0x10004004  // does not fit: still queued with MACH_RCV_LARGE, else lost
#define MACH_RCV_INTERRUPTED       0x10004005
#define MACH_RCV_PORT_CHANGED      0x10004006  // the port or set died or moved during the wait
#define MACH_RCV_INVALID_NOTIFY    0x10004007
#define MACH_RCV_INVALID_DATA      0x10004008  // the buffer cannot be written
#define MACH_RCV_PORT_DIED         0x10004009  // not returned: see MACH_RCV_PORT_CHANGED
#define MACH_RCV_IN_SET            0x1000400a  // never returned
#define MACH_RCV_HEADER_ERROR      0x1000400b  // only a header came
#define MACH_RCV_BODY_ERROR        0x1000400c  // the message came, but not everything in it
#define MACH_RCV_INVALID_TYPE      0x1000400d  // never returned
#define MACH_RCV_SCATTER_SMALL     0x1000400e  // never returned
#define MACH_RCV_INVALID_TRAILER   0x1000400f  // never returned
#define MACH_RCV_IN_PROGRESS_TIMED 0x10004011  // never returned
#define MACH_RCV_INVALID_REPLY     0x10004012
#define MACH_RCV_INVALID_ARGUMENTS 0x10004013

// --- Calls -----------------------------------------------------------------------------------------------

PORTOLAN_BEGIN_DECLS

// Sends a message, receives one, or does the first and then the second in the same buffer (messages 2, 3).
//
// Send (MACH_SEND_MSG): takes from the caller what the dispositions in the header and descriptors say, and
// on success nothing of it is left to the caller, whether or not anybody will receive the message
// (messages 5.8). Receive (MACH_RCV_MSG): rcv_name is a receive right or a port set; the caller owns every
// right and all memory that the received message names, but msgh_local_port, which carries none
// (messages 6.5).
//
// Blocks while the destination's queue is full and while there is nothing to receive; MACH_SEND_TIMEOUT and
// MACH_RCV_TIMEOUT bound each wait to `timeout` milliseconds, 0 being a poll. A wait that a signal
// interrupts starts again with the whole time, unless MACH_SEND_INTERRUPT or MACH_RCV_INTERRUPT is set
// (messages 8, 10.1).
//
// `notify` is a priority with MACH_SEND_OVERRIDE, and a name with MACH_RCV_SYNC_WAIT; otherwise ignored.
//
// Returns MACH_MSG_SUCCESS, also if neither is asked for; or from the send, in which case there is no
// receive:
// * nothing has changed: MACH_SEND_INVALID_DATA, _INVALID_DEST, _INVALID_VOUCHER, _MSG_TOO_SMALL,
//   _INVALID_REPLY, _TOO_LARGE, _INVALID_TYPE, _INVALID_HEADER, _INVALID_OPTIONS, _NO_BUFFER, bare
//   MACH_MSG_VM_KERNEL;
// * rights and memory taken so far are destroyed: MACH_SEND_INVALID_RIGHT, _INVALID_MEMORY, _NO_GRANT_DEST,
//   _MSG_FILTERED, bare MACH_MSG_VM_KERNEL;
// * the message is back in the buffer, and everything in it is the caller's (messages 5.6):
//   MACH_SEND_TIMED_OUT, _INTERRUPTED, _NO_BUFFER, each perhaps with the bits of MACH_MSG_MASK;
// or from the receive (messages 4):
// * no message was taken: MACH_RCV_INVALID_NAME, _TIMED_OUT, _INTERRUPTED, _PORT_CHANGED, _INVALID_NOTIFY,
//   and _TOO_LARGE with MACH_RCV_LARGE;
// * a message was taken and is lost, header and trailer aside: MACH_RCV_TOO_LARGE without MACH_RCV_LARGE,
//   MACH_RCV_HEADER_ERROR with bits of MACH_MSG_MASK, MACH_RCV_INVALID_DATA;
// * a message was received in part: MACH_RCV_BODY_ERROR with bits of MACH_MSG_MASK.
PORTOLAN_EXPORT mach_msg_return_t mach_msg(mach_msg_header_t* msg, mach_msg_option_t option,
                                           mach_msg_size_t send_size, mach_msg_size_t rcv_size,
                                           mach_port_name_t rcv_name, mach_msg_timeout_t timeout,
                                           mach_port_name_t notify);

// mach_msg that receives into rcv_msg, unless that is null; rcv_limit is ignored. Rights, waits and codes
// are those of mach_msg (messages 2).
PORTOLAN_EXPORT mach_msg_return_t mach_msg_overwrite(mach_msg_header_t* msg, mach_msg_option_t option,
                                                     mach_msg_size_t send_size, mach_msg_size_t rcv_size,
                                                     mach_port_name_t rcv_name, mach_msg_timeout_t timeout,
                                                     mach_port_name_t notify, mach_msg_header_t* rcv_msg,
                                                     mach_msg_size_t rcv_limit);

// Sends msg, msgh_size bytes long. Blocks while the queue is full; codes are the send codes of mach_msg
// (messages 2).
PORTOLAN_EXPORT mach_msg_return_t mach_msg_send(mach_msg_header_t* msg);

// Receives into msg, a buffer of msgh_size bytes, from the port or set that msgh_local_port names. Blocks
// until a message comes; codes are the receive codes of mach_msg (messages 2).
PORTOLAN_EXPORT mach_msg_return_t mach_msg_receive(mach_msg_header_t* msg);

// mach_msg with the header in its arguments (messages 2.1); of the buffer, the message's bytes behind the header and the
// count of descriptors are read. With MACH64_MSG_VECTOR `data` is one or two mach_msg_vector_t, for a message and its
// auxiliary data, and the two sizes are numbers of vectors. A send says with one of MACH64_SEND_ANY, _MQ_CALL,
// _KOBJECT_CALL and _DK_CALL what sort of destination it means. Of the timeout the low 32 bits count.
//
// Rights, waits, restarts and codes are those of mach_msg, and besides:
// * nothing has changed: MACH_SEND_INVALID_OPTIONS, _AUX_TOO_SMALL, _AUX_TOO_LARGE, and MACH_RCV_INVALID_ARGUMENTS,
//   which leaves a send that came before as it is;
// * the rights of the header are destroyed: MACH_SEND_INVALID_OPTIONS if the destination is of another sort.
PORTOLAN_EXPORT mach_msg_return_t mach_msg2_internal(void* data, mach_msg_option64_t options,
                                                     uint64_t msgh_bits_and_send_size,
                                                     uint64_t msgh_remote_and_local_port,
                                                     uint64_t msgh_voucher_and_id, uint64_t desc_count_and_rcv_name,
                                                     uint64_t rcv_size_and_priority, uint64_t timeout);

// mach_msg2_internal, its words put together. The count of descriptors is taken from the message if that is complex.
static inline mach_msg_return_t mach_msg2(void* data, mach_msg_option64_t options, mach_msg_header_t header,
                                          mach_msg_size_t send_size, mach_msg_size_t rcv_size,
                                          mach_port_t rcv_name, uint64_t timeout, mach_msg_priority_t priority) {
  const void* message = data;
  mach_msg_size_t descriptors = 0;
  if ((options & MACH64_SEND_MSG) != 0 && MACH_MSGH_BITS_IS_COMPLEX(header.msgh_bits)) {
    if ((options & MACH64_MSG_VECTOR) != 0)
      message = (const void*)(uintptr_t)((const mach_msg_vector_t*)data)->msgv_data;
    descriptors = ((const mach_msg_base_t*)message)->body.msgh_descriptor_count;
  }
  return mach_msg2_internal(data, options, (uint64_t)send_size << 32 | header.msgh_bits,
                            (uint64_t)header.msgh_local_port << 32 | header.msgh_remote_port,
                            (uint64_t)(uint32_t)header.msgh_id << 32 | header.msgh_voucher_port,
                            (uint64_t)rcv_name << 32 | descriptors, (uint64_t)priority << 32 | rcv_size, timeout);
}

// Releases what a received message, or one that was never sent, holds: the remote and voucher ports, the
// rights in its descriptors, and memory whose descriptor has the deallocate bit. Leaves msgh_local_port
// alone. Never blocks, reports no errors (messages 10.2).
PORTOLAN_EXPORT void mach_msg_destroy(mach_msg_header_t* msg);

PORTOLAN_END_DECLS

#endif  // PORTOLAN_MACH_MESSAGE_H_
