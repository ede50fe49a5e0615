// SPDX-License-Identifier: Apache-2.0
// mach_msg2 (messages 2.1): the header comes in the arguments, and data may be vectors, of a message and of
// auxiliary data.
#include <mach/mach_traps.h>
#include <mach/message.h>

#include <algorithm>

#include "ipc/mach_msg.hpp"
#include "traps/trap.hpp"
#include "vm/own_memory.hpp"

namespace portolan {
namespace {

constexpr uint64_t kCalls =
    MACH64_SEND_KOBJECT_CALL | MACH64_SEND_MQ_CALL | MACH64_SEND_ANY | MACH64_SEND_DK_CALL;

struct Words {
  uint64_t data, options;
  uint64_t bits_and_send_size, remote_and_local, voucher_and_id, count_and_rcv_name, rcv_size_and_priority,
      timeout;

  bool sends() const { return (options & MACH64_SEND_MSG) != 0; }
  bool receives() const { return (options & MACH64_RCV_MSG) != 0; }
  bool vector() const { return (options & MACH64_MSG_VECTOR) != 0; }
  uint32_t send_size() const { return sends() ? high(bits_and_send_size) : 0; }
  uint32_t rcv_size() const { return receives() ? low(rcv_size_and_priority) : 0; }

  static uint32_t low(uint64_t word) { return static_cast<uint32_t>(word); }
  static uint32_t high(uint64_t word) { return static_cast<uint32_t>(word >> 32); }
};

// Where the two parts of a message come from and go to; one without an address or of size 0 is not there.
struct Places {
  uint64_t data, aux, rcv_data, rcv_aux;
  uint32_t size, aux_size, rcv_size, rcv_aux_size;
};

mach_msg_return_t check_options(const Words& words) {
  if (!words.sends()) return MACH_MSG_SUCCESS;
  const uint64_t call = words.options & kCalls;
  if (call == 0 || (call & (call - 1)) != 0) return MACH_SEND_INVALID_OPTIONS;
  if (words.vector() && (call & (MACH64_SEND_MQ_CALL | MACH64_SEND_ANY)) == 0)
    return MACH_SEND_INVALID_OPTIONS;
  // What a kernel object answers has to be received.
  if (call == MACH64_SEND_KOBJECT_CALL && !words.receives()) return MACH_SEND_INVALID_OPTIONS;
  return MACH_MSG_SUCCESS;
}

mach_msg_return_t check_sent(const Places& places) {
  if (places.data == 0) return MACH_SEND_INVALID_DATA;
  if (places.aux_size == 0) return MACH_MSG_SUCCESS;
  if (places.aux == 0) return MACH_SEND_INVALID_DATA;
  if (places.aux_size < sizeof(mach_msg_aux_header_t)) return MACH_SEND_AUX_TOO_SMALL;
  return places.aux_size > ipc::kAuxMax ? MACH_SEND_AUX_TOO_LARGE : MACH_MSG_SUCCESS;
}

mach_msg_return_t read_vectors(const Words& words, ipc::UserMemory& memory, Places& places) {
  const uint32_t sent = words.send_size(), received = words.rcv_size(), count = std::max(sent, received);
  if (count > MACH_MSGV_MAX_COUNT) return words.sends() ? MACH_SEND_INVALID_DATA : MACH_RCV_INVALID_ARGUMENTS;
  if (count == 0) return words.sends() ? MACH_SEND_MSG_TOO_SMALL : MACH_RCV_INVALID_ARGUMENTS;
  mach_msg_vector_t vectors[MACH_MSGV_MAX_COUNT] = {};
  if (!memory.copy_in(vectors, words.data, count * sizeof *vectors))
    return words.sends() ? MACH_SEND_INVALID_DATA : MACH_RCV_INVALID_ARGUMENTS;
  const mach_msg_vector_t &message = vectors[MACH_MSGV_IDX_MSG], &aux = vectors[MACH_MSGV_IDX_AUX];
  places = {};
  if (sent >= 1) {
    places.data = message.msgv_data;
    places.size = message.msgv_send_size;
  }
  if (sent == 2) {
    places.aux = aux.msgv_data;
    places.aux_size = aux.msgv_send_size;
  }
  if (received >= 1) {
    places.rcv_data = message.msgv_rcv_addr != 0 ? message.msgv_rcv_addr : message.msgv_data;
    places.rcv_size = message.msgv_rcv_size;
  }
  if (received == 2) {
    places.rcv_aux = aux.msgv_rcv_addr != 0 ? aux.msgv_rcv_addr : aux.msgv_data;
    places.rcv_aux_size = aux.msgv_rcv_size;
  }
  if (!words.sends()) return MACH_MSG_SUCCESS;
  return sent == 0 ? MACH_SEND_MSG_TOO_SMALL : check_sent(places);
}

// What is wrong with where to receive is found only once the message has been sent.
mach_msg_return_t check_received(const Words& words, const Places& places) {
  if (!words.vector()) return MACH_MSG_SUCCESS;
  if (places.rcv_data == 0) return MACH_RCV_INVALID_ARGUMENTS;
  if (words.rcv_size() < 2) return MACH_MSG_SUCCESS;
  const bool room = places.rcv_aux != 0 && places.rcv_aux_size >= sizeof(mach_msg_aux_header_t);
  return room ? MACH_MSG_SUCCESS : MACH_RCV_INVALID_ARGUMENTS;
}

ipc::GivenHeader given_header(const Words& words, const Places& places) {
  ipc::GivenHeader given{};
  given.header.msgh_bits = Words::low(words.bits_and_send_size);
  given.header.msgh_size = places.size;
  given.header.msgh_remote_port = Words::low(words.remote_and_local);
  given.header.msgh_local_port = Words::high(words.remote_and_local);
  given.header.msgh_voucher_port = Words::low(words.voucher_and_id);
  given.header.msgh_id = static_cast<mach_msg_id_t>(Words::high(words.voucher_and_id));
  given.descriptors = Words::low(words.count_and_rcv_name);
  given.call = words.options & kCalls;
  given.aux = places.aux;
  given.aux_size = places.aux_size;
  return given;
}

mach_msg_return_t receive(const Trap& trap, ipc::UserMemory& memory, const Words& words,
                          const Places& places) {
  const auto option = static_cast<mach_msg_option_t>(words.options);
  ipc::ReceiveArguments arguments{places.rcv_data, option, places.rcv_size,
                                  Words::high(words.count_and_rcv_name), Words::low(words.timeout)};
  if ((option & MACH_RCV_SYNC_WAIT) != 0 && !words.sends())
    arguments.peer = Words::high(words.rcv_size_and_priority);
  arguments.vector = words.vector();
  arguments.aux = places.rcv_aux;
  arguments.aux_size = places.rcv_aux_size;
  return ipc::msg_receive(trap.thread(), trap.space(), memory, arguments);
}

// One attempt at both halves; no restart.
mach_msg_return_t attempt(const Words& words) {
  mach_msg_return_t code = check_options(words);
  if (code != MACH_MSG_SUCCESS) return code;
  Trap trap;
  if (!trap.ok()) return words.sends() ? MACH_SEND_INVALID_DEST : MACH_RCV_INVALID_NAME;
  vm::OwnMemory memory(trap.thread().segment());
  Places places{words.data, 0, words.data, 0, words.send_size(), 0, words.rcv_size(), 0};
  if (words.vector()) code = read_vectors(words, memory, places);
  if (code != MACH_MSG_SUCCESS) return trap.leave(code);
  if (words.sends()) {
    const ipc::GivenHeader given = given_header(words, places);
    code = ipc::msg_send(trap.thread(), trap.task(), trap.space(), memory,
                         {places.data, static_cast<mach_msg_option_t>(words.options), places.size,
                          Words::low(words.timeout), &given});
    if (code != MACH_MSG_SUCCESS) return trap.leave(code);
    // What the send owes is paid before we sleep: a message destroyed on the way may be what wakes us.
    settle(trap.thread());
  }
  if (!words.receives()) return trap.leave(MACH_MSG_SUCCESS);
  code = check_received(words, places);
  return trap.leave(code == MACH_MSG_SUCCESS ? receive(trap, memory, words, places) : code);
}

// The header of an interrupted send lies in its buffer as it was handed back, and that is what is sent again
// (messages 10.1).
void reread_header(Words& words) {
  uint64_t data = words.data;
  if (words.vector()) data = reinterpret_cast<const mach_msg_vector_t*>(data)->msgv_data;
  const auto& header = *reinterpret_cast<const mach_msg_header_t*>(data);
  words.bits_and_send_size = header.msgh_bits | uint64_t{words.send_size()} << 32;
  words.remote_and_local = header.msgh_remote_port | uint64_t{header.msgh_local_port} << 32;
  words.voucher_and_id = header.msgh_voucher_port | words.voucher_and_id >> 32 << 32;
}

mach_msg_return_t restarting(Words words) {
  mach_msg_return_t code = attempt(words);
  while (code == MACH_SEND_INTERRUPTED && (words.options & MACH64_SEND_INTERRUPT) == 0) {
    reread_header(words);
    code = attempt(words);
  }
  while (code == MACH_RCV_INTERRUPTED && (words.options & MACH64_RCV_INTERRUPT) == 0) {
    // A call that also sent waits for nobody in particular.
    if (words.sends()) words.options &= ~(MACH64_SEND_MSG | MACH64_RCV_SYNC_WAIT);
    code = attempt(words);
  }
  return code;
}

}  // namespace
}  // namespace portolan

extern "C" {

mach_msg_return_t mach_msg2_internal(void* data, mach_msg_option64_t options,
                                     uint64_t msgh_bits_and_send_size, uint64_t msgh_remote_and_local_port,
                                     uint64_t msgh_voucher_and_id, uint64_t desc_count_and_rcv_name,
                                     uint64_t rcv_size_and_priority, uint64_t timeout) {
  return portolan::restarting({reinterpret_cast<uint64_t>(data), options, msgh_bits_and_send_size,
                               msgh_remote_and_local_port, msgh_voucher_and_id, desc_count_and_rcv_name,
                               rcv_size_and_priority, timeout});
}

mach_msg_return_t mach_msg2_trap(void* data, mach_msg_option64_t options, uint64_t msgh_bits_and_send_size,
                                 uint64_t msgh_remote_and_local_port, uint64_t msgh_voucher_and_id,
                                 uint64_t desc_count_and_rcv_name, uint64_t rcv_size_and_priority,
                                 uint64_t timeout) {
  return portolan::attempt({reinterpret_cast<uint64_t>(data), options, msgh_bits_and_send_size,
                            msgh_remote_and_local_port, msgh_voucher_and_id, desc_count_and_rcv_name,
                            rcv_size_and_priority, timeout});
}

}  // extern "C"
