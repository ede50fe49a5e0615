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
#include <portolan/export.h>

typedef struct voucher_mach_msg_state_s* voucher_mach_msg_state_t;

#define VOUCHER_MACH_MSG_API_VERSION     20140205
#define VOUCHER_MACH_MSG_STATE_UNCHANGED ((voucher_mach_msg_state_t)~0ul)

PORTOLAN_BEGIN_DECLS

// Serves requests for ever (messages 10.3): receives one of up to max_size bytes, has demux fill in a reply
// of up to max_size, sends it together with the next receive. What demux returns is not looked at: the
// reply's code is. Success leaves the request's rights and memory to the server; MIG_NO_REPLY all of it, the
// reply right too, and nothing is sent; with any other code the request is destroyed. A client that cannot
// take its reply loses it. Options are those of mach_msg for both halves; with MACH_RCV_TIMEOUT it polls,
// with MACH_RCV_LARGE the request may be of any size. Blocks. Returns the code that ended it: of a receive,
// of a send that is not the client's fault, or of vm_allocate.
PORTOLAN_EXPORT mach_msg_return_t mach_msg_server(boolean_t (*demux)(mach_msg_header_t*, mach_msg_header_t*),
                                                  mach_msg_size_t max_size, mach_port_t rcv_name,
                                                  mach_msg_options_t options);

// The same for one request (messages 10.3).
// Returns MACH_MSG_SUCCESS once it is served, whatever it was answered, or a code as above.
PORTOLAN_EXPORT mach_msg_return_t mach_msg_server_once(boolean_t (*demux)(mach_msg_header_t*,
                                                                          mach_msg_header_t*),
                                                       mach_msg_size_t max_size, mach_port_t rcv_name,
                                                       mach_msg_options_t options);

// mach_msg_server: there is no importance to pass on (messages 10.3).
PORTOLAN_EXPORT mach_msg_return_t mach_msg_server_importance(boolean_t (*demux)(mach_msg_header_t*,
                                                                                mach_msg_header_t*),
                                                             mach_msg_size_t max_size, mach_port_t rcv_name,
                                                             mach_msg_options_t options);

// Begins the simple reply of 36 bytes to a request whose header has not been turned round, so that its local
// port is where the reply goes: header and NDR; the return code is the caller's to set (messages 10.4).
// Consumes nothing.
PORTOLAN_EXPORT void mig_reply_setup(mach_msg_header_t* request, mach_msg_header_t* reply);

PORTOLAN_END_DECLS

#endif  // PORTOLAN_MACH_MACH_H_
