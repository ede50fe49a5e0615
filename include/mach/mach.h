// SPDX-License-Identifier: Apache-2.0
// Everything that Mach programs use day by day.
#ifndef PORTOLAN_MACH_MACH_H_
#define PORTOLAN_MACH_MACH_H_

#include <mach/boolean.h>
#include <mach/error.h>
#include <mach/exception_types.h>
#include <mach/kern_return.h>
#include <mach/mach_error.h>
#include <mach/mach_init.h>
#include <mach/mach_param.h>
#include <mach/mach_port.h>
#include <mach/mach_traps.h>
#include <mach/mach_types.h>
#include <mach/mach_vm.h>
#include <mach/mach_voucher_types.h>
#include <mach/message.h>
#include <mach/mig.h>
#include <mach/mig_errors.h>
#include <mach/ndr.h>
#include <mach/notify.h>
#include <mach/port.h>
#include <mach/std_types.h>
#include <mach/sync_policy.h>
#include <mach/task.h>
#include <mach/thread_act.h>
#include <mach/thread_switch.h>
#include <mach/vm_map.h>

typedef struct voucher_mach_msg_state_s* voucher_mach_msg_state_t;

#define VOUCHER_MACH_MSG_API_VERSION     20140205
#define VOUCHER_MACH_MSG_STATE_UNCHANGED ((voucher_mach_msg_state_t)~0ul)

#endif  // PORTOLAN_MACH_MACH_H_
