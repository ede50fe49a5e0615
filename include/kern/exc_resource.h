// SPDX-License-Identifier: Apache-2.0
// EXC_RESOURCE: how its code words are made up (tasks 3.1). The type is in bits 61 to 63, the flavor in
// bits 58 to 60.
#ifndef PORTOLAN_KERN_EXC_RESOURCE_H_
#define PORTOLAN_KERN_EXC_RESOURCE_H_

#include <stdint.h>

#define EXC_RESOURCE_DECODE_RESOURCE_TYPE(code) (((uint64_t)(code) >> 61) & 0x7ULL)
#define EXC_RESOURCE_DECODE_FLAVOR(code)        (((uint64_t)(code) >> 58) & 0x7ULL)

// Types.
#define RESOURCE_TYPE_CPU     1
#define RESOURCE_TYPE_WAKEUPS 2
#define RESOURCE_TYPE_MEMORY  3
#define RESOURCE_TYPE_IO      4
#define RESOURCE_TYPE_THREADS 5
#define RESOURCE_TYPE_PORTS   6

// Processor time: seconds in bits 7 to 31, per cent in bits 0 to 6.
#define FLAVOR_CPU_MONITOR                                          1
#define FLAVOR_CPU_MONITOR_FATAL                                    2
#define EXC_RESOURCE_CPUMONITOR_DECODE_INTERVAL(code)               (((uint64_t)(code) >> 7) & 0x1FFFFFFULL)
#define EXC_RESOURCE_CPUMONITOR_DECODE_PERCENTAGE(code)             ((uint64_t)(code)&0x7FULL)
#define EXC_RESOURCE_CPUMONITOR_DECODE_PERCENTAGE_OBSERVED(subcode) ((uint64_t)(subcode)&0x7FULL)

// Wake-ups: seconds in bits 20 on, permitted wake-ups a second below (a reader looks at 12 bits of them).
#define FLAVOR_WAKEUPS_MONITOR                                    1
#define EXC_RESOURCE_CPUMONITOR_DECODE_WAKEUPS_PERMITTED(code)    ((uint64_t)(code)&0xFFFULL)
#define EXC_RESOURCE_CPUMONITOR_DECODE_OBSERVATION_INTERVAL(code) (((uint64_t)(code) >> 20) & 0xFFFFFULL)
#define EXC_RESOURCE_CPUMONITOR_DECODE_WAKEUPS_OBSERVED(subcode)  ((uint64_t)(subcode)&0xFFFFFULL)

// Memory: megabytes in bits 0 to 12.
#define FLAVOR_HIGH_WATERMARK               1
#define FLAVOR_DIAG_MEMLIMIT                2
#define EXC_RESOURCE_HWM_DECODE_LIMIT(code) ((uint64_t)(code)&0x1FFFULL)

// Writes: seconds in bits 15 to 31, megabytes in bits 0 to 14.
#define FLAVOR_IO_PHYSICAL_WRITES             1
#define FLAVOR_IO_LOGICAL_WRITES              2
#define EXC_RESOURCE_IO_DECODE_INTERVAL(code) (((uint64_t)(code) >> 15) & 0x1FFFFULL)
#define EXC_RESOURCE_IO_DECODE_LIMIT(code)    ((uint64_t)(code)&0x7FFFULL)
#define EXC_RESOURCE_IO_OBSERVED(subcode)     ((uint64_t)(subcode)&0x7FFFULL)

// Threads: their number in bits 0 to 14.
#define FLAVOR_THREADS_HIGH_WATERMARK             1
#define EXC_RESOURCE_THREADS_DECODE_THREADS(code) ((uint64_t)(code)&0x7FFFULL)

// Ports: their number in bits 0 to 23.
#define FLAVOR_PORT_SPACE_FULL                  1
#define EXC_RESOURCE_THREADS_DECODE_PORTS(code) ((uint64_t)(code)&0xFFFFFFULL)

#endif  // PORTOLAN_KERN_EXC_RESOURCE_H_
