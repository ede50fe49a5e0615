// SPDX-License-Identifier: Apache-2.0
// The handler's side of an exception: a request is taken apart, the program's function of its kind called,
// and a reply made (tasks 4.7). Contracts are in include/mach/{exc,mach_exc}.h.
#include <mach/exc.h>
#include <mach/mach.h>
#include <mach/mach_exc.h>
#include <mach/mig_errors.h>
#include <string.h>

#include <cstddef>
#include <initializer_list>

#include "lib/exc_kinds.hpp"

// A program has those that it is asked for.
#pragma weak catch_exception_raise
#pragma weak catch_exception_raise_state
#pragma weak catch_exception_raise_state_identity
#pragma weak catch_mach_exception_raise
#pragma weak catch_mach_exception_raise_state
#pragma weak catch_mach_exception_raise_state_identity

namespace portolan {

namespace {

// What a request says, found front to back.
template <class Code>
struct Request {
  mach_port_t thread = MACH_PORT_NULL, task = MACH_PORT_NULL;
  exception_type_t type = 0;
  Code code[2] = {};
  mach_msg_type_number_t codes = 0;
  int flavor = 0;
  natural_t* state = nullptr;
  mach_msg_type_number_t state_words = 0;
};

class Reader {
 public:
  explicit Reader(mach_msg_header_t* message)
      : at_(reinterpret_cast<char*>(message + 1)),
        end_(reinterpret_cast<char*>(message) + message->msgh_size) {}
  template <class T>
  bool take(T& value) {
    return take(&value, sizeof value);
  }
  bool take(void* to, size_t size) {
    if (static_cast<size_t>(end_ - at_) < size) return false;
    memcpy(to, at_, size);
    at_ += size;
    return true;
  }
  // Words that stay where they are.
  bool skip(natural_t*& words, mach_msg_type_number_t count) {
    words = reinterpret_cast<natural_t*>(at_);
    if (static_cast<size_t>(end_ - at_) / sizeof *words < count) return false;
    at_ += count * sizeof *words;
    return true;
  }
  bool at_end() const { return at_ == end_; }

 private:
  char *at_, *end_;
};

kern_return_t take_right(Reader& reader, mach_port_t& name) {
  mach_msg_port_descriptor_t right;
  if (!reader.take(right)) return MIG_BAD_ARGUMENTS;
  name = right.name;
  return right.type == MACH_MSG_PORT_DESCRIPTOR && right.disposition == MACH_MSG_TYPE_PORT_SEND
             ? KERN_SUCCESS
             : MIG_TYPE_ERROR;
}

template <class Code>
kern_return_t parse(mach_msg_header_t* in, const ExcKind& kind, Request<Code>& request) {
  if (in->msgh_size < sizeof *in) return MIG_BAD_ARGUMENTS;
  const bool complex = (in->msgh_bits & MACH_MSGH_BITS_COMPLEX) != 0;
  if (complex != kind.identity) return MIG_BAD_ARGUMENTS;
  Reader reader(in);
  mach_msg_body_t body;
  if (kind.identity) {
    if (!reader.take(body) || body.msgh_descriptor_count != 2) return MIG_BAD_ARGUMENTS;
    for (mach_port_t* name : {&request.thread, &request.task}) {
      const kern_return_t code = take_right(reader, *name);
      if (code != KERN_SUCCESS) return code;
    }
  }
  NDR_record_t ndr;
  if (!reader.take(ndr) || !reader.take(request.type) || !reader.take(request.codes) || request.codes > 2 ||
      !reader.take(request.code, request.codes * sizeof(Code)))
    return MIG_BAD_ARGUMENTS;
  if (kind.state && (!reader.take(request.flavor) || !reader.take(request.state_words) ||
                     request.state_words > kExcStateMost || !reader.skip(request.state, request.state_words)))
    return MIG_BAD_ARGUMENTS;
  return reader.at_end() ? KERN_SUCCESS : MIG_BAD_ARGUMENTS;
}

template <class Code>
using CatchRaise = kern_return_t (*)(mach_port_t, mach_port_t, mach_port_t, exception_type_t, Code*,
                                     mach_msg_type_number_t);
template <class Code>
using CatchState = kern_return_t (*)(mach_port_t, exception_type_t, Code*, mach_msg_type_number_t, int*,
                                     thread_state_t, mach_msg_type_number_t, thread_state_t,
                                     mach_msg_type_number_t*);
template <class Code>
using CatchBoth = kern_return_t (*)(mach_port_t, mach_port_t, mach_port_t, exception_type_t, Code*,
                                    mach_msg_type_number_t, int*, thread_state_t, mach_msg_type_number_t,
                                    thread_state_t, mach_msg_type_number_t*);

// A reply without results, to where the request wants it.
void set_up(const mach_msg_header_t& in, mach_msg_header_t& out) {
  memset(&out, 0, sizeof out);
  out.msgh_bits = MACH_MSGH_BITS(MACH_MSGH_BITS_REMOTE(in.msgh_bits), 0);
  out.msgh_size = sizeof(mig_reply_error_t);
  out.msgh_remote_port = in.msgh_remote_port;
  out.msgh_id = in.msgh_id + 100;
}

template <class Code>
boolean_t serve(mach_msg_header_t* in, mach_msg_header_t* out, mach_msg_id_t first, CatchRaise<Code> raise,
                CatchState<Code> state, CatchBoth<Code> both) {
  set_up(*in, *out);
  auto& reply = *reinterpret_cast<__Reply__exception_raise_state_t*>(out);
  reply.NDR = NDR_record;
  reply.RetCode = MIG_BAD_ID;
  const mach_msg_id_t n = in->msgh_id - first;
  if (n < 0 || n > 2) return FALSE;
  const ExcKind kind = exc_kind(n);
  Request<Code> r;
  reply.RetCode = parse(in, kind, r);
  if (reply.RetCode != KERN_SUCCESS) return TRUE;
  reply.RetCode = KERN_FAILURE;
  const mach_port_t port = in->msgh_local_port;
  reply.flavor = r.flavor;
  reply.new_stateCnt = kExcStateMost;
  if (!kind.state) {
    if (raise != nullptr) reply.RetCode = raise(port, r.thread, r.task, r.type, r.code, r.codes);
    return TRUE;
  }
  if (kind.identity && both != nullptr)
    reply.RetCode = both(port, r.thread, r.task, r.type, r.code, r.codes, &reply.flavor, r.state,
                         r.state_words, reply.new_state, &reply.new_stateCnt);
  if (!kind.identity && state != nullptr)
    reply.RetCode = state(port, r.type, r.code, r.codes, &reply.flavor, r.state, r.state_words,
                          reply.new_state, &reply.new_stateCnt);
  if (reply.RetCode == KERN_SUCCESS)
    out->msgh_size = static_cast<mach_msg_size_t>(offsetof(__Reply__exception_raise_state_t, new_state) +
                                                  sizeof(natural_t) * reply.new_stateCnt);
  return TRUE;
}

}  // namespace

}  // namespace portolan

extern "C" {

boolean_t exc_server(mach_msg_header_t* InHeadP, mach_msg_header_t* OutHeadP) {
  return portolan::serve<exception_data_type_t>(InHeadP, OutHeadP, 2401, catch_exception_raise,
                                                catch_exception_raise_state,
                                                catch_exception_raise_state_identity);
}

boolean_t mach_exc_server(mach_msg_header_t* InHeadP, mach_msg_header_t* OutHeadP) {
  return portolan::serve<mach_exception_data_type_t>(InHeadP, OutHeadP, 2405, catch_mach_exception_raise,
                                                     catch_mach_exception_raise_state,
                                                     catch_mach_exception_raise_state_identity);
}

}  // extern "C"
