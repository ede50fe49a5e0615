// SPDX-License-Identifier: Apache-2.0
// Types and limits of the bootstrap calls.
#ifndef PORTOLAN_SERVERS_BOOTSTRAP_DEFS_H_
#define PORTOLAN_SERVERS_BOOTSTRAP_DEFS_H_

#include <mach/port.h>

#define BOOTSTRAP_MAX_NAME_LEN     128  // terminator included
#define BOOTSTRAP_MAX_CMD_LEN      512  // terminator included
#define BOOTSTRAP_MAX_LOOKUP_COUNT 20   // historical

typedef char name_t[BOOTSTRAP_MAX_NAME_LEN];
typedef char cmd_t[BOOTSTRAP_MAX_CMD_LEN];
typedef name_t* name_array_t;

typedef int bootstrap_status_t;
typedef bootstrap_status_t* bootstrap_status_array_t;
typedef unsigned int bootstrap_property_t;
typedef bootstrap_property_t* bootstrap_property_array_t;
typedef boolean_t* bool_array_t;

#define BOOTSTRAP_STATUS_INACTIVE  0
#define BOOTSTRAP_STATUS_ACTIVE    1
#define BOOTSTRAP_STATUS_ON_DEMAND 2

#define BOOTSTRAP_SUCCESS         0
#define BOOTSTRAP_NOT_PRIVILEGED  1100  // not for this caller, or the name is another's
#define BOOTSTRAP_NAME_IN_USE     1101  // historical
#define BOOTSTRAP_UNKNOWN_SERVICE 1102
#define BOOTSTRAP_SERVICE_ACTIVE  1103  // the caller has checked in or registered the name already
#define BOOTSTRAP_BAD_COUNT       1104  // historical
#define BOOTSTRAP_NO_MEMORY       1105  // also: this caller cannot be served
#define BOOTSTRAP_NO_CHILDREN     1106

#endif  // PORTOLAN_SERVERS_BOOTSTRAP_DEFS_H_
