// SPDX-License-Identifier: Apache-2.0
// The other side: a program that sends an exception's message itself (tasks 4.7). The trailer tells that it
// was not the kernel. Contracts are in include/mach/{exc,mach_exc}.h.
#include <mach/exc.h>
#include <mach/mach.h>
#include <mach/mach_exc.h>
#include <mach/mig_errors.h>
#include <mach/notify.h>
#include <string.h>

#include <cstddef>

#include "lib/exc_kinds.hpp"

namespace portolan {

namespace {

struct State {
  int* flavor = nullptr;
  thread_state_t old_state = nullptr;
  mach_msg_type_number_t old_count = 0;
  thread_state_t new_state = nullptr;
  mach_msg_type_number_t* new_count = nullptr;  // room for as many before
};

union Room {
  mach_msg_header_t header;
  __Reply__exception_raise_state_t reply;
  char room[sizeof(__Request__mach_exception_raise_state_identity_t) + MAX_TRAILER_SIZE];
};

class Writer {
 public:
  explicit Writer(Room& room) : room_(room), size_(sizeof room.header) {}
  void put(const void* from, size_t size) {
    if (size != 0) memcpy(room_.room + size_, from, size);
    size_ += size;
  }
  template <class T>
  void put(const T& value) {
    put(&value, sizeof value);
  }
  mach_msg_size_t size() const { return static_cast<mach_msg_size_t>(size_); }

 private:
  Room& room_;
  size_t size_;
};

void put_right(Writer& writer, mach_port_t name) {
  mach_msg_port_descriptor_t right;
  memset(&right, 0, sizeof right);
  right.name = name;
  right.disposition = MACH_MSG_TYPE_COPY_SEND;
  right.type = MACH_MSG_PORT_DESCRIPTOR;
  writer.put(right);
}

kern_return_t judge(Room& room, mach_msg_id_t id, const State& state) {
  const auto& reply = room.reply;
  const mach_msg_size_t size = room.header.msgh_size;
  if (room.header.msgh_id == MACH_NOTIFY_SEND_ONCE) return MIG_SERVER_DIED;
  if (room.header.msgh_id != id + 100) return MIG_REPLY_MISMATCH;
  if ((room.header.msgh_bits & MACH_MSGH_BITS_COMPLEX) != 0 || size < sizeof(mig_reply_error_t))
    return MIG_TYPE_ERROR;
  const bool plain = size == sizeof(mig_reply_error_t);
  if (plain && (state.flavor == nullptr || reply.RetCode != KERN_SUCCESS)) return reply.RetCode;
  constexpr size_t kFront = offsetof(__Reply__exception_raise_state_t, new_state);
  if (state.flavor == nullptr || size < kFront || reply.new_stateCnt > kExcStateMost ||
      size != kFront + sizeof(natural_t) * reply.new_stateCnt)
    return MIG_TYPE_ERROR;
  if (reply.RetCode != KERN_SUCCESS) return reply.RetCode;
  const bool fits = reply.new_stateCnt <= *state.new_count;
  const mach_msg_type_number_t count = fits ? reply.new_stateCnt : *state.new_count;
  memcpy(state.new_state, reply.new_state, sizeof(natural_t) * count);
  *state.new_count = reply.new_stateCnt;
  *state.flavor = reply.flavor;
  return fits ? KERN_SUCCESS : MIG_ARRAY_TOO_LARGE;
}

template <class Code>
kern_return_t ask(mach_msg_id_t id, mach_msg_id_t first, mach_port_t port, mach_port_t thread,
                  mach_port_t task, exception_type_t type, const Code* code, mach_msg_type_number_t codes,
                  const State& state = {}) {
  if (codes > 2 || state.old_count > kExcStateMost) return MIG_ARRAY_TOO_LARGE;
  const ExcKind kind = exc_kind(id - first);
  Room room;
  Writer writer(room);
  if (kind.identity) {
    writer.put(mach_msg_body_t{2});
    put_right(writer, thread);
    put_right(writer, task);
  }
  writer.put(NDR_record);
  writer.put(type);
  writer.put(codes);
  writer.put(code, codes * sizeof *code);
  if (kind.state) {
    writer.put(*state.flavor);
    writer.put(state.old_count);
    writer.put(state.old_state, state.old_count * sizeof(natural_t));
  }
  memset(&room.header, 0, sizeof room.header);
  room.header.msgh_bits = MACH_MSGH_BITS(MACH_MSG_TYPE_COPY_SEND, MACH_MSG_TYPE_MAKE_SEND_ONCE) |
                          (kind.identity ? MACH_MSGH_BITS_COMPLEX : 0);
  room.header.msgh_remote_port = port;
  room.header.msgh_local_port = mig_get_reply_port();
  room.header.msgh_id = id;
  const mach_port_t reply_port = room.header.msgh_local_port;
  const mach_msg_return_t sent = mach_msg(&room.header, MACH_SEND_MSG | MACH_RCV_MSG, writer.size(),
                                          sizeof room, reply_port, MACH_MSG_TIMEOUT_NONE, MACH_PORT_NULL);
  if (sent != MACH_MSG_SUCCESS) {
    mig_dealloc_reply_port(reply_port);
    return sent;
  }
  const kern_return_t answer = judge(room, id, state);
  mach_msg_destroy(&room.header);
  mig_put_reply_port(reply_port);
  return answer;
}

}  // namespace

}  // namespace portolan

using portolan::ask;

extern "C" {

kern_return_t exception_raise(mach_port_t exception_port, mach_port_t thread, mach_port_t task,
                              exception_type_t exception, exception_data_t code,
                              mach_msg_type_number_t codeCnt) {
  return ask(2401, 2401, exception_port, thread, task, exception, code, codeCnt);
}

kern_return_t exception_raise_state(mach_port_t exception_port, exception_type_t exception,
                                    exception_data_t code, mach_msg_type_number_t codeCnt, int* flavor,
                                    thread_state_t old_state, mach_msg_type_number_t old_stateCnt,
                                    thread_state_t new_state, mach_msg_type_number_t* new_stateCnt) {
  return ask(2402, 2401, exception_port, MACH_PORT_NULL, MACH_PORT_NULL, exception, code, codeCnt,
             {flavor, old_state, old_stateCnt, new_state, new_stateCnt});
}

kern_return_t exception_raise_state_identity(mach_port_t exception_port, mach_port_t thread, mach_port_t task,
                                             exception_type_t exception, exception_data_t code,
                                             mach_msg_type_number_t codeCnt, int* flavor,
                                             thread_state_t old_state, mach_msg_type_number_t old_stateCnt,
                                             thread_state_t new_state, mach_msg_type_number_t* new_stateCnt) {
  return ask(2403, 2401, exception_port, thread, task, exception, code, codeCnt,
             {flavor, old_state, old_stateCnt, new_state, new_stateCnt});
}

kern_return_t mach_exception_raise(mach_port_t exception_port, mach_port_t thread, mach_port_t task,
                                   exception_type_t exception, mach_exception_data_t code,
                                   mach_msg_type_number_t codeCnt) {
  return ask(2405, 2405, exception_port, thread, task, exception, code, codeCnt);
}

kern_return_t mach_exception_raise_state(mach_port_t exception_port, exception_type_t exception,
                                         mach_exception_data_t code, mach_msg_type_number_t codeCnt,
                                         int* flavor, thread_state_t old_state,
                                         mach_msg_type_number_t old_stateCnt, thread_state_t new_state,
                                         mach_msg_type_number_t* new_stateCnt) {
  return ask(2406, 2405, exception_port, MACH_PORT_NULL, MACH_PORT_NULL, exception, code, codeCnt,
             {flavor, old_state, old_stateCnt, new_state, new_stateCnt});
}

kern_return_t mach_exception_raise_state_identity(
    mach_port_t exception_port, mach_port_t thread, mach_port_t task, exception_type_t exception,
    mach_exception_data_t code, mach_msg_type_number_t codeCnt, int* flavor, thread_state_t old_state,
    mach_msg_type_number_t old_stateCnt, thread_state_t new_state, mach_msg_type_number_t* new_stateCnt) {
  return ask(2407, 2405, exception_port, thread, task, exception, code, codeCnt,
             {flavor, old_state, old_stateCnt, new_state, new_stateCnt});
}

}  // extern "C"
