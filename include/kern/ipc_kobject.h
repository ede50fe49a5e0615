// SPDX-License-Identifier: Apache-2.0
// What kind of kernel object a port stands for, as mach_port_kobject reports it (ports 7.22, tasks 7.6).
#ifndef PORTOLAN_KERN_IPC_KOBJECT_H_
#define PORTOLAN_KERN_IPC_KOBJECT_H_

#include <mach/machine/vm_types.h>

typedef natural_t ipc_kobject_type_t;

#define IKOT_MAX_TYPE          55
#define IKOT_NONE              0
#define IKOT_THREAD_CONTROL    1
#define IKOT_TASK_CONTROL      2
#define IKOT_HOST              3
#define IKOT_HOST_PRIV         4
#define IKOT_PROCESSOR         5
#define IKOT_PSET              6
#define IKOT_PSET_NAME         7
#define IKOT_TIMER             8
#define IKOT_PORT_SUBST_ONCE   9
#define IKOT_MEMORY_OBJECT     11
#define IKOT_UND_REPLY         15
#define IKOT_MAIN_DEVICE       19
#define IKOT_TASK_NAME         20
#define IKOT_SEMAPHORE         23
#define IKOT_CLOCK             25
#define IKOT_IOKIT_IDENT       27
#define IKOT_NAMED_ENTRY       28
#define IKOT_IOKIT_CONNECT     29
#define IKOT_IOKIT_OBJECT      30
#define IKOT_AU_SESSIONPORT    33
#define IKOT_FILEPORT          34
#define IKOT_TASK_RESUME       36
#define IKOT_VOUCHER           37
#define IKOT_WORK_INTERVAL     39
#define IKOT_UX_HANDLER        40
#define IKOT_UEXT_OBJECT       41
#define IKOT_ARCADE_REG        42
#define IKOT_EVENTLINK         43
#define IKOT_TASK_INSPECT      44
#define IKOT_TASK_READ         45
#define IKOT_THREAD_INSPECT    46
#define IKOT_THREAD_READ       47
#define IKOT_HYPERVISOR        49
#define IKOT_TASK_ID_TOKEN     50
#define IKOT_TASK_FATAL        51
#define IKOT_KCDATA            52
#define IKOT_EXCLAVES_RESOURCE 53
#define IKOT_UNKNOWN           54

#endif  // PORTOLAN_KERN_IPC_KOBJECT_H_
