// SPDX-License-Identifier: Apache-2.0
// Machine states of threads: the flavors that every machine has.
#ifndef PORTOLAN_MACH_THREAD_STATUS_H_
#define PORTOLAN_MACH_THREAD_STATUS_H_

#include <mach/machine/thread_state.h>
#include <mach/machine/thread_status.h>
#include <mach/machine/vm_types.h>

typedef natural_t* thread_state_t;
typedef int thread_state_flavor_t;
typedef thread_state_flavor_t* thread_state_flavor_array_t;

#define THREAD_STATE_FLAVOR_LIST              0
#define THREAD_STATE_FLAVOR_LIST_NEW          128
#define THREAD_STATE_FLAVOR_LIST_10_9         129
#define THREAD_STATE_FLAVOR_LIST_10_13        130
#define THREAD_STATE_FLAVOR_LIST_10_15        131
#define THREAD_CONVERT_THREAD_STATE_TO_SELF   1
#define THREAD_CONVERT_THREAD_STATE_FROM_SELF 2

#endif  // PORTOLAN_MACH_THREAD_STATUS_H_
