// SPDX-License-Identifier: Apache-2.0
// Notifications of changes of the calendar.
#ifndef PORTOLAN_MACH_HOST_NOTIFY_H_
#define PORTOLAN_MACH_HOST_NOTIFY_H_

#define HOST_NOTIFY_CALENDAR_CHANGE   0
#define HOST_NOTIFY_CALENDAR_SET      1
#define HOST_NOTIFY_TYPE_MAX          1
#define HOST_CALENDAR_CHANGED_REPLYID 950
#define HOST_CALENDAR_SET_REPLYID     951

#endif  // PORTOLAN_MACH_HOST_NOTIFY_H_
