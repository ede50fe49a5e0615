// SPDX-License-Identifier: Apache-2.0
// Rights with a type. The calls come later.
#ifndef PORTOLAN_MACH_MACH_RIGHT_PRIVATE_H_
#define PORTOLAN_MACH_MACH_RIGHT_PRIVATE_H_

#include <mach/port.h>
#include <stdint.h>

typedef struct mach_right_recv {
  mach_port_name_t mrr_name;
} mach_right_recv_t;

typedef struct mach_right_send {
  mach_port_name_t mrs_name;
} mach_right_send_t;

typedef struct mach_right_send_once {
  mach_port_name_t mrso_name;
} mach_right_send_once_t;

typedef uint64_t mach_right_flags_t;

#define MACH_RIGHT_RECV_FLAG_INIT      ((mach_right_flags_t)0)
#define MACH_RIGHT_RECV_FLAG_UNGUARDED ((mach_right_flags_t)1)
#define MACH_RIGHT_RECV_FLAG_STRICT    ((mach_right_flags_t)2)
#define MACH_RIGHT_RECV_FLAG_IMMOVABLE ((mach_right_flags_t)4)

#endif  // PORTOLAN_MACH_MACH_RIGHT_PRIVATE_H_
