// SPDX-License-Identifier: Apache-2.0
// Error codes in words. Not a trap: nothing here looks at the domain, so it works in processes that never
// joined one.
//
// A text begins with the part of the system that the code belongs to, so that (ipc/send) and (ipc/rcv) are
// told apart at a glance. Codes of messages may carry bits that say what could not be handed over: those do
// not change the text.
#include <mach/errorlib.h>
#include <mach/mach_error.h>
#include <mach/message.h>
#include <mach/mig_errors.h>
#include <servers/bootstrap_defs.h>
#include <stdio.h>

#include <iterator>

namespace {

struct Text {
  kern_return_t code;
  const char* text;
};

constexpr char kUnknown[] = "unknown error code";

// By code: KERN_SUCCESS is 0, and so on without a gap.
constexpr const char* kKernel[] = {
    "(os/kern) successful",
    "(os/kern) no memory at this address",
    "(os/kern) memory protected against this access",
    "(os/kern) no space left",
    "(os/kern) invalid argument",
    "(os/kern) failure",
    "(os/kern) resource shortage",
    "(os/kern) not the receiver",
    "(os/kern) no access",
    "(os/kern) memory lost for good",
    "(os/kern) memory could not be read now",
    "(os/kern) already in the set",
    "(os/kern) not in the set",
    "(os/kern) name exists already",
    "(os/kern) wait aborted",
    "(os/kern) invalid name",
    "(os/kern) invalid task",
    "(os/kern) invalid right",
    "(os/kern) invalid value",
    "(os/kern) too many user references",
    "(os/kern) invalid capability",
    "(os/kern) right exists under another name",
    "(os/kern) invalid host",
    "(os/kern) memory present already",
    "(os/kern) memory was moved",
    "(os/kern) copy has to be started again",
    "(os/kern) invalid processor set",
    "(os/kern) beyond the limit of the policy",
    "(os/kern) invalid scheduling policy",
    "(os/kern) invalid object",
    "(os/kern) somebody waits already",
    "(os/kern) the default processor set stays",
    "(os/kern) exception port is protected",
    "(os/kern) invalid ledger",
    "(os/kern) invalid memory control",
    "(os/kern) security privilege missing",
    "(os/kern) priority was not depressed",
    "(os/kern) object terminated",
    "(os/kern) lock set destroyed",
    "(os/kern) lock in an unstable state",
    "(os/kern) lock owned by another",
    "(os/kern) lock owned by the caller already",
    "(os/kern) semaphore destroyed",
    "(os/kern) server of the call terminated",
    "(os/kern) orphaned call to be terminated",
    "(os/kern) orphaned call to be continued",
    "(os/kern) not supported",
    "(os/kern) node is down",
    "(os/kern) nobody was waiting",
    "(os/kern) operation timed out",
    "(os/kern) code signature refused",
    "(os/kern) policy is fixed",
    "(os/kern) buffer too small",
    "(os/kern) denied by policy",
    "(os/kern) kernel collection missing",
    "(os/kern) kernel collection invalid",
    "(os/kern) not found",
};
static_assert(std::size(kKernel) == KERN_NOT_FOUND + 1);

constexpr Text kOthers[] = {
    {MACH_SEND_IN_PROGRESS, "(ipc/send) send under way"},
    {MACH_SEND_INVALID_DATA, "(ipc/send) message cannot be read"},
    {MACH_SEND_INVALID_DEST, "(ipc/send) invalid destination port"},
    {MACH_SEND_TIMED_OUT, "(ipc/send) timed out"},
    {MACH_SEND_INVALID_VOUCHER, "(ipc/send) invalid voucher"},
    {MACH_SEND_INTERRUPTED, "(ipc/send) interrupted"},
    {MACH_SEND_MSG_TOO_SMALL, "(ipc/send) message too small for what it says it holds"},
    {MACH_SEND_INVALID_REPLY, "(ipc/send) invalid reply port"},
    {MACH_SEND_INVALID_RIGHT, "(ipc/send) invalid right in the message"},
    {MACH_SEND_INVALID_NOTIFY, "(ipc/send) invalid notify port"},
    {MACH_SEND_INVALID_MEMORY, "(ipc/send) out-of-line memory cannot be read"},
    {MACH_SEND_NO_BUFFER, "(ipc/send) no buffer for the message"},
    {MACH_SEND_TOO_LARGE, "(ipc/send) message too large"},
    {MACH_SEND_INVALID_TYPE, "(ipc/send) invalid descriptor"},
    {MACH_SEND_INVALID_HEADER, "(ipc/send) invalid message header"},
    {MACH_SEND_INVALID_TRAILER, "(ipc/send) invalid trailer"},
    {MACH_SEND_INVALID_CONTEXT, "(ipc/send) invalid context"},
    {MACH_SEND_INVALID_OPTIONS, "(ipc/send) invalid options"},
    {MACH_SEND_INVALID_RT_OOL_SIZE, "(ipc/send) invalid size of out-of-line memory"},
    {MACH_SEND_NO_GRANT_DEST, "(ipc/send) destination takes no rights"},
    {MACH_SEND_MSG_FILTERED, "(ipc/send) message refused by a filter"},
    {MACH_SEND_AUX_TOO_SMALL, "(ipc/send) auxiliary data too small"},
    {MACH_SEND_AUX_TOO_LARGE, "(ipc/send) auxiliary data too large"},
    {MACH_RCV_IN_PROGRESS, "(ipc/rcv) receive under way"},
    {MACH_RCV_INVALID_NAME, "(ipc/rcv) invalid receive name"},
    {MACH_RCV_TIMED_OUT, "(ipc/rcv) timed out"},
    {MACH_RCV_TOO_LARGE, "(ipc/rcv) message too large for the buffer"},
    {MACH_RCV_INTERRUPTED, "(ipc/rcv) interrupted"},
    {MACH_RCV_PORT_CHANGED, "(ipc/rcv) port died or moved during the wait"},
    {MACH_RCV_INVALID_NOTIFY, "(ipc/rcv) invalid notify port"},
    {MACH_RCV_INVALID_DATA, "(ipc/rcv) buffer cannot be written"},
    {MACH_RCV_PORT_DIED, "(ipc/rcv) port died"},
    {MACH_RCV_IN_SET, "(ipc/rcv) port is in a set"},
    {MACH_RCV_HEADER_ERROR, "(ipc/rcv) rights of the header could not be received"},
    {MACH_RCV_BODY_ERROR, "(ipc/rcv) rights or memory of the body could not be received"},
    {MACH_RCV_INVALID_TYPE, "(ipc/rcv) invalid scatter list"},
    {MACH_RCV_SCATTER_SMALL, "(ipc/rcv) memory of the scatter list too small"},
    {MACH_RCV_INVALID_TRAILER, "(ipc/rcv) invalid trailer"},
    {MACH_RCV_IN_PROGRESS_TIMED, "(ipc/rcv) receive with a time limit under way"},
    {MACH_RCV_INVALID_REPLY, "(ipc/rcv) invalid reply port"},
    {MACH_RCV_INVALID_ARGUMENTS, "(ipc/rcv) invalid arguments"},
    {MIG_TYPE_ERROR, "(ipc/mig) malformed reply"},
    {MIG_REPLY_MISMATCH, "(ipc/mig) reply to another request"},
    {MIG_REMOTE_ERROR, "(ipc/mig) error at the other end"},
    {MIG_BAD_ID, "(ipc/mig) server knows no such request"},
    {MIG_BAD_ARGUMENTS, "(ipc/mig) malformed request"},
    {MIG_NO_REPLY, "(ipc/mig) no reply to be sent"},
    {MIG_EXCEPTION, "(ipc/mig) exception at the other end"},
    {MIG_ARRAY_TOO_LARGE, "(ipc/mig) array too large"},
    {MIG_SERVER_DIED, "(ipc/mig) server died"},
    {MIG_TRAILER_ERROR, "(ipc/mig) malformed trailer"},
    // NO_CHILDREN has no text of its own (bootstrap 5.11).
    {BOOTSTRAP_NOT_PRIVILEGED, "(bootstrap) permission denied"},
    {BOOTSTRAP_NAME_IN_USE, "(bootstrap) name in use"},
    {BOOTSTRAP_UNKNOWN_SERVICE, "(bootstrap) unknown service"},
    {BOOTSTRAP_SERVICE_ACTIVE, "(bootstrap) service is active"},
    {BOOTSTRAP_BAD_COUNT, "(bootstrap) bad count"},
    {BOOTSTRAP_NO_MEMORY, "(bootstrap) out of memory, or caller cannot be served"},
};

constexpr bool ipc_code(kern_return_t code) {
  return err_get_system(code) == err_get_system(err_mach_ipc) && err_get_sub(code) <= 1;
}

const char* text_of(kern_return_t code) {
  if (code >= 0 && code < static_cast<kern_return_t>(std::size(kKernel))) return kKernel[code];
  const kern_return_t plain = ipc_code(code) ? code & ~MACH_MSG_MASK : code;
  for (const Text& one : kOthers)
    if (one.code == plain) return one.text;
  return nullptr;
}

// The old ranges below zero are parts of the messages' system; the rest says it in its bits.
const char* type_of(kern_return_t code) {
  if (code <= -100 && code > -400)
    return code > -200 ? "(ipc/send) " : code > -300 ? "(ipc/rcv) " : "(ipc/mig) ";
  if (code >= BOOTSTRAP_NOT_PRIVILEGED && code <= BOOTSTRAP_NO_CHILDREN) return "(bootstrap) ";
  const int system = err_get_system(code), sub = err_get_sub(code);
  if (system == 0 && sub == 0) return "(os/kern) ";
  if (system == 0 && sub == 3) return "(os/unix) ";
  if (system == err_get_system(err_mach_ipc) || system == err_get_system(err_ipc)) {
    if (sub == 0) return "(ipc/send) ";
    if (sub == 1) return "(ipc/rcv) ";
    if (sub == 2) return "(ipc/mig) ";
  }
  return "(?/?) ";
}

}  // namespace

extern "C" {

PORTOLAN_EXPORT char* mach_error_string(mach_error_t error_value) {
  const char* text = text_of(error_value);
  return const_cast<char*>(text != nullptr ? text : kUnknown);
}

PORTOLAN_EXPORT char* mach_error_type(mach_error_t error_value) {
  return const_cast<char*>(type_of(error_value));
}

PORTOLAN_EXPORT void mach_error(const char* str, mach_error_t error_value) {
  if (const char* text = text_of(error_value))
    fprintf(stderr, "%s %s\n", str, text);
  else
    fprintf(stderr, "%s %s%s (%x)\n", str, type_of(error_value), kUnknown,
            static_cast<unsigned>(error_value));
}

}  // extern "C"
