// SPDX-License-Identifier: Apache-2.0
// Error codes in words.
#ifndef PORTOLAN_MACH_MACH_ERROR_H_
#define PORTOLAN_MACH_MACH_ERROR_H_

#include <mach/boolean.h>
#include <mach/error.h>
#include <portolan/export.h>

PORTOLAN_BEGIN_DECLS

// The text for a code, or a text that says it is unknown; never null, not to be freed or written. Touches
// no rights, does not block (bootstrap 5.11, messages 4).
PORTOLAN_EXPORT char* mach_error_string(mach_error_t error_value);

// The part of the system that a code belongs to, such as "(ipc/send) "; never null, not to be freed or
// written. Touches no rights, does not block (messages 4).
PORTOLAN_EXPORT char* mach_error_type(mach_error_t error_value);

// Writes str and the text for the code to the standard error stream, with type and number if the code is
// unknown (messages 4). Touches no rights; may block where writing does.
PORTOLAN_EXPORT void mach_error(const char* str, mach_error_t error_value);

PORTOLAN_END_DECLS

#endif  // PORTOLAN_MACH_MACH_ERROR_H_
