// SPDX-License-Identifier: Apache-2.0
// Codes that MIG's stubs answer with, and the message that carries them.
#ifndef PORTOLAN_MACH_MIG_ERRORS_H_
#define PORTOLAN_MACH_MIG_ERRORS_H_

#include <mach/kern_return.h>
#include <mach/message.h>
#include <mach/mig.h>
#include <mach/ndr.h>

#define MIG_TYPE_ERROR      (-300)  // the client found the reply malformed
#define MIG_REPLY_MISMATCH  (-301)  // the reply belongs to another request
#define MIG_REMOTE_ERROR    (-302)
#define MIG_BAD_ID          (-303)  // the server has no such routine
#define MIG_BAD_ARGUMENTS   (-304)  // the server found the request malformed
#define MIG_NO_REPLY        (-305)  // to the server loop: send nothing
#define MIG_EXCEPTION       (-306)
#define MIG_ARRAY_TOO_LARGE (-307)
#define MIG_SERVER_DIED     (-308)  // the reply right died unused
#define MIG_TRAILER_ERROR   (-309)

#pragma pack(push, 4)
// The answer to any request that failed: 36 bytes, never complex (messages 11.2).
typedef struct {
  mach_msg_header_t Head;
  NDR_record_t NDR;
  kern_return_t RetCode;
} mig_reply_error_t;
#pragma pack(pop)

#endif  // PORTOLAN_MACH_MIG_ERRORS_H_
