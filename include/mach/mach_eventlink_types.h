// SPDX-License-Identifier: Apache-2.0
// Event links, which this system does not have yet.
#ifndef PORTOLAN_MACH_MACH_EVENTLINK_TYPES_H_
#define PORTOLAN_MACH_MACH_EVENTLINK_TYPES_H_

#include <mach/kern_return.h>
#include <stdint.h>

#define EVENTLINK_SIGNAL_COUNT_MASK   0xffffffffffffffULL
#define EVENTLINK_SIGNAL_ERROR_MASK   0xff
#define EVENTLINK_SIGNAL_ERROR_SHIFT  56
#define KERN_CLOCK_MACH_ABSOLUTE_TIME 1

#define MELC_OPTION_NONE              0
#define MELC_OPTION_NO_COPYIN         1
#define MELC_OPTION_WITH_COPYIN       2
#define MELA_OPTION_NONE              0
#define MELA_OPTION_ASSOCIATE_ON_WAIT 1
#define MELD_OPTION_NONE              0
#define MELSW_OPTION_NONE             0
#define MELSW_OPTION_NO_WAIT          1

#define encode_eventlink_count_and_error(count, error) \
  (((uint64_t)(count)&EVENTLINK_SIGNAL_COUNT_MASK) |   \
   (((uint64_t)(error)&EVENTLINK_SIGNAL_ERROR_MASK) << EVENTLINK_SIGNAL_ERROR_SHIFT))
#define decode_eventlink_count_from_retval(retval) ((uint64_t)(retval)&EVENTLINK_SIGNAL_COUNT_MASK)
#define decode_eventlink_error_from_retval(retval) \
  ((kern_return_t)(((uint64_t)(retval) >> EVENTLINK_SIGNAL_ERROR_SHIFT) & EVENTLINK_SIGNAL_ERROR_MASK))

#endif  // PORTOLAN_MACH_MACH_EVENTLINK_TYPES_H_
