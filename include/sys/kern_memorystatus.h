// SPDX-License-Identifier: Apache-2.0
// Codes of the exit reasons of the keeper of memory.
#ifndef PORTOLAN_SYS_KERN_MEMORYSTATUS_H_
#define PORTOLAN_SYS_KERN_MEMORYSTATUS_H_

#define JETSAM_REASON_INVALID                            0
#define JETSAM_REASON_GENERIC                            1
#define JETSAM_REASON_MEMORY_HIGHWATER                   2
#define JETSAM_REASON_VNODE                              3
#define JETSAM_REASON_MEMORY_VMPAGESHORTAGE              4
#define JETSAM_REASON_MEMORY_PROCTHRASHING               5
#define JETSAM_REASON_MEMORY_FCTHRASHING                 6
#define JETSAM_REASON_MEMORY_PERPROCESSLIMIT             7
#define JETSAM_REASON_MEMORY_DISK_SPACE_SHORTAGE         8
#define JETSAM_REASON_MEMORY_IDLE_EXIT                   9
#define JETSAM_REASON_ZONE_MAP_EXHAUSTION                10
#define JETSAM_REASON_MEMORY_VMCOMPRESSOR_THRASHING      11
#define JETSAM_REASON_MEMORY_VMCOMPRESSOR_SPACE_SHORTAGE 12
#define JETSAM_REASON_LOWSWAP                            13
#define JETSAM_REASON_MEMORY_SUSTAINED_PRESSURE          14
#define JETSAM_REASON_MEMORY_VMPAGEOUT_STARVATION        15
#define JETSAM_REASON_MEMORY_LONGIDLE_EXIT               17
#define JETSAM_REASON_MEMORYSTATUS_MAX                   17
#define JETSAM_REASON_CPULIMIT                           100
#define JETSAM_REASON_MEMORY_VMTHRASHING                 11

#endif  // PORTOLAN_SYS_KERN_MEMORYSTATUS_H_
