// SPDX-License-Identifier: Apache-2.0
// The bootstrap calls as messages: asking a program that serves a namespace, and serving one (bootstrap 5.21).
#include <mach/mach.h>
#include <mach/mig.h>
#include <mach/mig_errors.h>
#include <mach/notify.h>
#include <servers/bootstrap_server.h>
#include <string.h>

#include "traps/bootstrap_program.hpp"

namespace portolan {

namespace {

constexpr mach_msg_id_t kReplyIs = 100;  // so much more than the request's id
constexpr mach_msg_option_t kWholeTrailer =
    MACH_RCV_TRAILER_TYPE(MACH_MSG_TRAILER_FORMAT_0) | MACH_RCV_TRAILER_ELEMENTS(MACH_RCV_TRAILER_AUDIT);

union ReplyRoom {
  mach_msg_header_t header;
  bootstrap_reply_t reply;
  mig_reply_error_t error;
  char room[sizeof(bootstrap_reply_t) + MAX_TRAILER_SIZE];
};

mach_msg_port_descriptor_t descriptor(mach_port_t port, mach_msg_type_name_t disposition) {
  mach_msg_port_descriptor_t result;
  memset(&result, 0, sizeof result);
  result.name = port;
  result.disposition = static_cast<mach_msg_type_name_t>(disposition) & 0xff;
  result.type = MACH_MSG_PORT_DESCRIPTOR;
  return result;
}

mach_msg_type_name_t right_of(mach_msg_id_t id) {
  return id == BOOTSTRAP_ID_CHECK_IN ? MACH_MSG_TYPE_PORT_RECEIVE : MACH_MSG_TYPE_PORT_SEND;
}

// What the reply says; a right that nobody wants, or that is not the one to be expected, goes.
kern_return_t judge(ReplyRoom& room, mach_msg_id_t id, mach_port_t* port) {
  mach_msg_header_t& header = room.header;
  const bool complex = (header.msgh_bits & MACH_MSGH_BITS_COMPLEX) != 0;
  kern_return_t code = MIG_TYPE_ERROR;
  if (header.msgh_id == MACH_NOTIFY_SEND_ONCE)
    code = MIG_SERVER_DIED;
  else if (header.msgh_id != id + kReplyIs)
    code = MIG_REPLY_MISMATCH;
  else if (!complex && header.msgh_size == sizeof room.error && room.error.RetCode != KERN_SUCCESS)
    code = room.error.RetCode;
  else if (complex && header.msgh_size == sizeof room.reply && room.reply.body.msgh_descriptor_count == 1 &&
           room.reply.port.type == MACH_MSG_PORT_DESCRIPTOR &&
           (!MACH_PORT_VALID(room.reply.port.name) || room.reply.port.disposition == right_of(id)))
    code = room.reply.code;
  if (code == KERN_SUCCESS && port != nullptr) {
    *port = room.reply.port.name;
    return code;
  }
  mach_msg_destroy(&header);
  return code;
}

}  // namespace

kern_return_t ask_program(mach_port_t bp, const ProgramRequest& request, mach_port_t* port) {
  union {
    bootstrap_request_t request;
    ReplyRoom room;
  } message;
  memset(&message, 0, sizeof message);
  const mach_port_t reply = mig_get_reply_port();
  bootstrap_request_t& out = message.request;
  out.header.msgh_bits = MACH_MSGH_BITS(MACH_MSG_TYPE_COPY_SEND, MACH_MSG_TYPE_MAKE_SEND_ONCE) |
                         MACH_MSGH_BITS_COMPLEX;
  out.header.msgh_size = sizeof out;
  out.header.msgh_remote_port = bp;
  out.header.msgh_local_port = reply;
  out.header.msgh_id = request.id;
  out.body.msgh_descriptor_count = 1;
  out.port = descriptor(request.carried, MACH_MSG_TYPE_COPY_SEND);
  out.ndr = NDR_record;
  out.flags = request.flags;
  out.target_pid = request.target_pid;
  strncpy(out.name, request.name, sizeof out.name - 1);
  const mach_msg_return_t code =
      mach_msg(&out.header, MACH_SEND_MSG | MACH_RCV_MSG, sizeof out, sizeof message.room, reply,
               MACH_MSG_TIMEOUT_NONE, MACH_PORT_NULL);
  if (code == MACH_MSG_SUCCESS) return judge(message.room, request.id, port);
  // Something may have been taken by the time the send failed: the reply port is not to be trusted any more.
  mig_dealloc_reply_port(reply);
  return code;
}

}  // namespace portolan

namespace {

union RequestRoom {
  mach_msg_header_t header;
  bootstrap_request_t request;
  char room[sizeof(bootstrap_request_t) + MAX_TRAILER_SIZE];
};

struct Serving {
  const bootstrap_routines_t& routines;
  void* context;
};

bool well_formed(const RequestRoom& room) {
  const bootstrap_request_t& request = room.request;
  return (request.header.msgh_bits & MACH_MSGH_BITS_COMPLEX) != 0 &&
         request.header.msgh_size == sizeof request && request.body.msgh_descriptor_count == 1 &&
         request.port.type == MACH_MSG_PORT_DESCRIPTOR &&
         (!MACH_PORT_VALID(request.port.name) || request.port.disposition == MACH_MSG_TYPE_PORT_SEND);
}

// Runs the routine; `kept`: the right that the request carried is the routine's now.
kern_return_t dispatch(const Serving& serving, bootstrap_request_t& request, const audit_token_t& caller,
                       mach_port_t& port, bool& kept) {
  const bootstrap_routines_t& routines = serving.routines;
  void* context = serving.context;
  switch (request.header.msgh_id) {
    case BOOTSTRAP_ID_CHECK_IN:
      if (routines.check_in == nullptr) return MIG_BAD_ID;
      return routines.check_in(context, &caller, request.name, request.flags, &port);
    case BOOTSTRAP_ID_LOOK_UP:
      if (routines.look_up == nullptr) return MIG_BAD_ID;
      return routines.look_up(context, &caller, request.name, request.target_pid, request.flags, &port);
    case BOOTSTRAP_ID_REGISTER: {
      if (routines.register_port == nullptr) return MIG_BAD_ID;
      const kern_return_t code =
          routines.register_port(context, &caller, request.name, request.flags, request.port.name);
      kept = code == KERN_SUCCESS;
      return code;
    }
    case BOOTSTRAP_ID_SUBSET: {
      if (routines.subset == nullptr) return MIG_BAD_ID;
      const kern_return_t code = routines.subset(context, &caller, request.port.name, &port);
      kept = code == KERN_SUCCESS;
      return code;
    }
    case BOOTSTRAP_ID_PARENT:
      return routines.parent == nullptr ? MIG_BAD_ID : routines.parent(context, &caller, &port);
    case BOOTSTRAP_ID_ROOT:
      return routines.root == nullptr ? MIG_BAD_ID : routines.root(context, &caller, &port);
    default:
      return MIG_BAD_ID;
  }
}

void answer(const Serving& serving, RequestRoom& room) {
  using portolan::descriptor;
  bootstrap_request_t& request = room.request;
  mach_port_t port = MACH_PORT_NULL;
  bool kept = false;
  kern_return_t code = MIG_BAD_ID;
  if (well_formed(room)) {
    request.name[sizeof request.name - 1] = 0;
    const auto* trailer = reinterpret_cast<const mach_msg_audit_trailer_t*>(room.room + sizeof request);
    code = dispatch(serving, request, trailer->msgh_audit, port, kept);
    if (kept) request.port.name = MACH_PORT_NULL;
  }
  portolan::ReplyRoom out;
  memset(&out, 0, sizeof out);
  const bool unknown = code == MIG_BAD_ID;
  mach_msg_header_t& header = out.header;
  header.msgh_bits = MACH_MSGH_BITS(MACH_MSGH_BITS_REMOTE(request.header.msgh_bits), 0) |
                     (unknown ? 0u : MACH_MSGH_BITS_COMPLEX);
  header.msgh_remote_port = request.header.msgh_remote_port;
  header.msgh_id = request.header.msgh_id + portolan::kReplyIs;
  header.msgh_size = unknown ? sizeof out.error : sizeof out.reply;
  // The reply right is the reply's; all else that came is given back.
  request.header.msgh_remote_port = MACH_PORT_NULL;
  mach_msg_destroy(&request.header);
  if (unknown) {
    out.error.NDR = NDR_record;
    out.error.RetCode = MIG_BAD_ID;
  } else {
    const bool receive = request.header.msgh_id == BOOTSTRAP_ID_CHECK_IN;
    out.reply.body.msgh_descriptor_count = 1;
    out.reply.port = descriptor(code == KERN_SUCCESS ? port : mach_port_t{MACH_PORT_NULL},
                                receive ? MACH_MSG_TYPE_MOVE_RECEIVE : MACH_MSG_TYPE_MOVE_SEND);
    out.reply.ndr = NDR_record;
    out.reply.code = code;
  }
  // Who does not wait for its answer does not hold the others up.
  if (mach_msg(&header, MACH_SEND_MSG | MACH_SEND_TIMEOUT, header.msgh_size, 0, MACH_PORT_NULL, 0,
               MACH_PORT_NULL) != MACH_MSG_SUCCESS)
    mach_msg_destroy(&header);
}

}  // namespace

extern "C" {

mach_msg_return_t bootstrap_serve_one(mach_port_t port, const bootstrap_routines_t* routines, void* context,
                                      mach_msg_timeout_t timeout) {
  RequestRoom room;
  const mach_msg_option_t option = MACH_RCV_MSG | portolan::kWholeTrailer |
                                   (timeout == MACH_MSG_TIMEOUT_NONE ? 0 : MACH_RCV_TIMEOUT);
  const mach_msg_return_t code =
      mach_msg(&room.header, option, 0, sizeof room, port, timeout, MACH_PORT_NULL);
  // Too large for any call of ours: it was destroyed, and there is somebody else to be served.
  if (code == MACH_RCV_TOO_LARGE) return MACH_MSG_SUCCESS;
  if (code == MACH_MSG_SUCCESS) answer({*routines, context}, room);
  return code;
}

mach_msg_return_t bootstrap_serve(mach_port_t port, const bootstrap_routines_t* routines, void* context) {
  for (;;) {
    const mach_msg_return_t code = bootstrap_serve_one(port, routines, context, MACH_MSG_TIMEOUT_NONE);
    if (code != MACH_MSG_SUCCESS && code != MACH_RCV_INTERRUPTED) return code;
  }
}

}  // extern "C"
