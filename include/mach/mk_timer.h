// SPDX-License-Identifier: Apache-2.0
// Timers that send a message. The calls come later.
#ifndef PORTOLAN_MACH_MK_TIMER_H_
#define PORTOLAN_MACH_MK_TIMER_H_

#include <mach/message.h>
#include <stdint.h>

#pragma pack(push, 4)
struct mk_timer_expire_msg {
  mach_msg_header_t header;
  uint64_t unused[3];
};
typedef struct mk_timer_expire_msg mk_timer_expire_msg_t;
#pragma pack(pop)

#define MK_TIMER_NORMAL   0
#define MK_TIMER_CRITICAL 1

#endif  // PORTOLAN_MACH_MK_TIMER_H_
