// SPDX-License-Identifier: Apache-2.0
// mach_msg2: messages 2.1, beyond the numbers.
#include <mach/mach_traps.h>
#include <pthread.h>
#include <signal.h>

#include <algorithm>
#include <atomic>
#include <cstring>

#include "checks/packet.hpp"

namespace checks {
namespace {

constexpr mach_msg_option64_t kSendTo = MACH64_SEND_MSG | MACH64_SEND_TIMEOUT;
constexpr mach_msg_option64_t kSendMq = kSendTo | MACH64_SEND_MQ_CALL;
constexpr mach_msg_option64_t kReceiveNow = MACH64_RCV_MSG | MACH64_RCV_TIMEOUT;

// Sends what the packet holds; its buffer's own header is not looked at.
kern_return_t send2(Packet& packet, mach_msg_option64_t options = kSendMq) {
  const mach_msg_header_t header = packet.header();
  memset(&packet.header(), 0xee, sizeof header);
  return mach_msg2(packet.bytes, options, header, packet.size, 0, MACH_PORT_NULL, 0, 0);
}

// One or two vectors, sent.
kern_return_t send_vectors(std::initializer_list<mach_msg_vector_t> vectors, const mach_msg_header_t& header,
                           mach_msg_option64_t options = kSendMq | MACH64_MSG_VECTOR) {
  mach_msg_vector_t list[4] = {};
  std::copy(vectors.begin(), vectors.end(), list);
  return mach_msg2(list, options, header, static_cast<mach_msg_size_t>(vectors.size()), 0, MACH_PORT_NULL, 0,
                   0);
}

kern_return_t receive_vectors(std::initializer_list<mach_msg_vector_t> vectors, mach_port_t from,
                              mach_msg_option64_t options = kReceiveNow | MACH64_MSG_VECTOR) {
  mach_msg_vector_t list[4] = {};
  std::copy(vectors.begin(), vectors.end(), list);
  return mach_msg2(list, options, mach_msg_header_t{}, 0, static_cast<mach_msg_size_t>(vectors.size()), from,
                   0, 0);
}

mach_msg_vector_t vector_of(const void* data, size_t size) {
  const auto address = reinterpret_cast<mach_vm_address_t>(data);
  return {address, 0, static_cast<mach_msg_size_t>(size), static_cast<mach_msg_size_t>(size)};
}

struct Aux {
  mach_msg_aux_header_t header = {};
  char text[24] = {};
};

CHECK(Messages, Msg2TakesTheHeaderFromItsArguments) {
  const mach_port_t p = new_port_with_sends(1), q = new_port(), r = new_port();
  Packet packet(p, kCopySend, -5);
  packet.header().msgh_voucher_port = 0x1234;
  packet.reply(r).port(q, kMakeSend).data("data", 4);
  EXPECT_CODE(MACH_MSG_SUCCESS, send2(packet));
  Packet got;
  EXPECT_CODE(MACH_MSG_SUCCESS,
              mach_msg2(got.bytes, kReceiveNow, mach_msg_header_t{}, 0, sizeof got.bytes, p, 0, 0));
  EXPECT_EQ(-5, got.header().msgh_id);
  EXPECT_EQ(0x1234u, got.header().msgh_voucher_port);
  EXPECT_EQ(44u, got.header().msgh_size);
  EXPECT_EQ(MACH_MSGH_BITS(kSendOnce, kSend) | MACH_MSGH_BITS_COMPLEX, got.bits());
  EXPECT_EQ(q, got.port(0u).name);
  EXPECT_EQ(0, memcmp("data", got.bytes + 40, 4));
}

CHECK(Messages, Msg2DoesBothHalves) {
  const mach_port_t p = new_port_with_sends(1);
  Packet packet(p, kCopySend, 2);
  const mach_msg_header_t header = packet.header();
  EXPECT_CODE(MACH_MSG_SUCCESS,
              mach_msg2(packet.bytes, kSendMq | kReceiveNow, header, 24, sizeof packet.bytes, p, 0, 0));
  EXPECT_EQ(2, packet.header().msgh_id);
  EXPECT_EQ(p, packet.header().msgh_local_port);
}

CHECK(Messages, Msg2WantsToKnowWhatItSendsTo) {
  const mach_port_t p = new_port_with_sends(1), r = new_port();
  Packet packet(p, kCopySend);
  const mach_msg_header_t header = packet.header();
  const auto code = [&](mach_msg_option64_t options) {
    return mach_msg2(packet.bytes, options, header, 24, 0, MACH_PORT_NULL, 0, 0);
  };
  EXPECT_CODE(MACH_SEND_INVALID_OPTIONS, code(kSendTo));
  EXPECT_CODE(MACH_SEND_INVALID_OPTIONS, code(kSendMq | MACH64_SEND_ANY));
  EXPECT_CODE(MACH_SEND_INVALID_OPTIONS, code(kSendTo | MACH64_SEND_DK_CALL | MACH64_MSG_VECTOR));
  EXPECT_CODE(MACH_SEND_INVALID_OPTIONS, code(kSendTo | MACH64_SEND_KOBJECT_CALL));
  EXPECT_CODE(MACH_SEND_INVALID_OPTIONS, code(kSendTo | MACH64_SEND_DK_CALL));
  EXPECT_CODE(MACH_MSG_SUCCESS, code(kSendTo | MACH64_SEND_ANY));
  EXPECT_EQ(1u, refs_of(p));
  EXPECT_EQ(1u, status_of(p).mps_msgcount);
  // The header's rights are gone by the time the destination is looked at.
  Packet to_kernel(mach_task_self(), kCopySend, 999000);
  EXPECT_CODE(MACH_SEND_INVALID_OPTIONS, send2(to_kernel.reply(r)));
  EXPECT_EQ(MACH_NOTIFY_SEND_ONCE, next_id(r));
}

CHECK(Messages, Msg2AsksTheKernel) {
  const mach_port_t r = new_port(), q = new_port_with_sends(1);
  Packet packet(mach_task_self(), kCopySend, 999000);
  mach_msg_header_t header = packet.reply(r).header();
  const mach_msg_option64_t options = kSendTo | kReceiveNow | MACH64_SEND_KOBJECT_CALL;
  EXPECT_CODE(MACH_MSG_SUCCESS, mach_msg2(packet.bytes, options, header, 24, sizeof packet.bytes, r, 0, 0));
  EXPECT_EQ(999100, packet.header().msgh_id);
  Packet guarded(mach_task_self(), kCopySend);
  header = guarded.guarded(q, 0, MACH_MSG_GUARD_FLAGS_UNGUARDED_ON_SEND).header();
  EXPECT_CODE(MACH_SEND_INVALID_TYPE,
              mach_msg2(guarded.bytes, options, header, guarded.size, sizeof guarded.bytes, r, 0, 0));
  Packet many(mach_task_self(), kCopySend);
  for (int i = 0; i < 4; i++) many.port(q, kCopySend);
  header = many.header();
  EXPECT_CODE(MACH_SEND_TOO_LARGE,
              mach_msg2(many.bytes, options, header, many.size, sizeof many.bytes, r, 0, 0));
  EXPECT_EQ(1u, refs_of(q));
}

CHECK(Messages, Msg2CountsDescriptorsOnlyInComplexMessages) {
  const mach_port_t p = new_port_with_sends(1);
  Packet packet(p, kCopySend);
  EXPECT_CODE(MACH_SEND_TOO_LARGE,
              mach_msg2_internal(packet.bytes, kSendMq, uint64_t{24} << 32 | kCopySend, p, 0, 1, 0, 0));
  EXPECT_CODE(MACH_MSG_SUCCESS, mach_msg2_trap(packet.bytes, kSendMq, uint64_t{24} << 32 | kCopySend, p, 0, 0,
                                               0, uint64_t{1} << 32));
}

CHECK(Messages, AuxiliaryDataTravelBesideTheMessage) {
  const mach_port_t p = new_port_with_sends(1);
  Packet packet(p, kCopySend, 3), got;
  const std::vector<char> body(300, 'b');
  packet.data(body.data(), static_cast<mach_msg_size_t>(body.size()));
  Aux sent{{0xdead, 0xbeef}, "beside"}, received;
  EXPECT_CODE(MACH_MSG_SUCCESS,
              send_vectors({vector_of(packet.bytes, packet.size), vector_of(&sent, 8 + 7)}, packet.header()));
  EXPECT_CODE(
      MACH_MSG_SUCCESS,
      receive_vectors({vector_of(got.bytes, sizeof got.bytes), vector_of(&received, sizeof received)}, p));
  EXPECT_EQ(324u, got.header().msgh_size);
  EXPECT_EQ(0, memcmp(body.data(), got.bytes + 24, body.size()));
  EXPECT_EQ(15u, received.header.msgdh_size);
  EXPECT_EQ(0u, received.header.msgdh_reserved);
  EXPECT_STREQ("beside", received.text);
}

CHECK(Messages, ThereMayBeNoAuxiliaryDataOrNobodyWhoWantsThem) {
  const mach_port_t p = new_port_with_sends(1);
  Packet got;
  Aux sent, received{{1, 1}, {}};
  send_id(p, 1);
  EXPECT_CODE(
      MACH_MSG_SUCCESS,
      receive_vectors({vector_of(got.bytes, sizeof got.bytes), vector_of(&received, sizeof received)}, p));
  EXPECT_EQ(0u, received.header.msgdh_size);
  for (int i = 0; i < 4; i++) {
    Packet packet(p, kCopySend, i);
    EXPECT_CODE(
        MACH_MSG_SUCCESS,
        send_vectors({vector_of(packet.bytes, packet.size), vector_of(&sent, sizeof sent)}, packet.header()));
  }
  EXPECT_CODE(MACH_MSG_SUCCESS, got.receive(p, 0, 0));
  EXPECT_EQ(0, got.header().msgh_id);
  // Who receives by vectors must have room for them.
  EXPECT_CODE(MACH_RCV_TOO_LARGE,
              receive_vectors(
                  {vector_of(got.bytes, sizeof got.bytes), vector_of(&received, sizeof received - 1)}, p));
  EXPECT_EQ(1, got.header().msgh_id);
  EXPECT_CODE(MACH_RCV_TOO_LARGE, receive_vectors({vector_of(got.bytes, sizeof got.bytes)}, p,
                                                  kReceiveNow | MACH64_RCV_LARGE | MACH64_MSG_VECTOR));
  EXPECT_EQ(2, next_id(p));
  EXPECT_CODE(
      MACH_MSG_SUCCESS,
      receive_vectors({vector_of(got.bytes, sizeof got.bytes), vector_of(&received, sizeof received)}, p));
  EXPECT_EQ(3, got.header().msgh_id);
}

CHECK(Messages, AWaitingReceiverGetsAuxiliaryData) {
  const mach_port_t p = new_port_with_sends(1);
  Packet packet(p, kCopySend, 4), got;
  Aux sent{{}, "beside"}, received;
  Blocked receiver([&] {
    return receive_vectors({vector_of(got.bytes, sizeof got.bytes), vector_of(&received, sizeof received)}, p,
                           MACH64_RCV_MSG | MACH64_MSG_VECTOR);
  });
  EXPECT_CODE(
      MACH_MSG_SUCCESS,
      send_vectors({vector_of(packet.bytes, packet.size), vector_of(&sent, sizeof sent)}, packet.header()));
  EXPECT_CODE(MACH_MSG_SUCCESS, receiver.code());
  EXPECT_EQ(sizeof sent, received.header.msgdh_size);
  EXPECT_STREQ("beside", received.text);
}

CHECK(Messages, VectorsThatAreSentAreLookedAt) {
  const mach_port_t p = new_port_with_sends(1);
  Packet packet(p, kCopySend);
  const mach_msg_header_t header = packet.header();
  const mach_msg_vector_t message = vector_of(packet.bytes, 24);
  Aux aux;
  EXPECT_CODE(MACH_SEND_INVALID_DATA, send_vectors({message, message, message}, header));
  EXPECT_CODE(MACH_SEND_MSG_TOO_SMALL, send_vectors({}, header));
  EXPECT_CODE(MACH_SEND_INVALID_DATA, send_vectors({vector_of(nullptr, 24)}, header));
  EXPECT_CODE(MACH_SEND_INVALID_DATA, send_vectors({message, vector_of(nullptr, 8)}, header));
  EXPECT_CODE(MACH_SEND_INVALID_DATA,
              send_vectors({message, vector_of(reinterpret_cast<void*>(16), 8)}, header));
  EXPECT_CODE(MACH_SEND_AUX_TOO_SMALL, send_vectors({message, vector_of(&aux, 1)}, header));
  EXPECT_CODE(MACH_SEND_AUX_TOO_SMALL, send_vectors({message, vector_of(&aux, 7)}, header));
  EXPECT_CODE(MACH_SEND_AUX_TOO_LARGE, send_vectors({message, vector_of(&aux, 1025)}, header));
  EXPECT_TRUE(nothing_at(p));
  EXPECT_CODE(MACH_MSG_SUCCESS, send_vectors({message, vector_of(nullptr, 0)}, header));
  EXPECT_CODE(MACH_SEND_INVALID_DATA,
              mach_msg2_internal(reinterpret_cast<void*>(16), kSendMq | MACH64_MSG_VECTOR,
                                 uint64_t{1} << 32 | kCopySend, p, 0, 0, 0, 0));
}

CHECK(Messages, VectorsToReceiveIntoAreLookedAtAfterTheSend) {
  const mach_port_t p = new_port_with_sends(1);
  Packet packet(p, kCopySend, 5);
  const mach_msg_vector_t message = vector_of(packet.bytes, 24);
  Aux aux;
  EXPECT_CODE(MACH_RCV_INVALID_ARGUMENTS, receive_vectors({message, message, message}, p));
  EXPECT_CODE(MACH_RCV_INVALID_ARGUMENTS, receive_vectors({}, p));
  EXPECT_CODE(MACH_RCV_INVALID_ARGUMENTS, receive_vectors({message, vector_of(nullptr, 8)}, p));
  EXPECT_CODE(MACH_RCV_INVALID_ARGUMENTS, receive_vectors({message, vector_of(&aux, 7)}, p));
  mach_msg_vector_t both[2] = {message, vector_of(&aux, 0)};
  EXPECT_CODE(MACH_RCV_INVALID_ARGUMENTS,
              mach_msg2(both, kSendMq | kReceiveNow | MACH64_MSG_VECTOR, packet.header(), 1, 2, p, 0, 0));
  EXPECT_EQ(5, next_id(p));
  // The receive address stands before the data's.
  Packet got;
  mach_msg_vector_t elsewhere = message;
  elsewhere.msgv_rcv_addr = reinterpret_cast<mach_vm_address_t>(got.bytes);
  elsewhere.msgv_rcv_size = sizeof got.bytes;
  EXPECT_CODE(MACH_MSG_SUCCESS, mach_msg2(&elsewhere, kSendMq | kReceiveNow | MACH64_MSG_VECTOR,
                                          packet.header(), 1, 1, p, 0, 0));
  EXPECT_EQ(5, got.header().msgh_id);
}

std::atomic<int> g_handled{0};

CHECK(Messages, Msg2StartsAgainWithWhatWasHandedBack) {
  struct sigaction action {};
  action.sa_handler = [](int) { g_handled++; };
  EXPECT_EQ(0, sigaction(SIGUSR1, &action, nullptr));
  const mach_port_t p = new_port_with_sends(1), r = new_port();
  fill_queue(p);
  std::atomic<pthread_t> thread{};
  Packet packet(p, kCopySend, 6);
  const mach_msg_header_t header = packet.reply(r).header();
  Blocked sender([&] {
    thread = pthread_self();
    return mach_msg2(packet.bytes, MACH64_SEND_MSG | MACH64_SEND_MQ_CALL, header, 24, 0, MACH_PORT_NULL, 0,
                     0);
  });
  pthread_kill(thread, SIGUSR1);
  EXPECT_TRUE(eventually([] { return g_handled == 1; }));
  EXPECT_EQ(1, next_id(p));
  EXPECT_CODE(MACH_MSG_SUCCESS, sender.code());
  EXPECT_EQ(1u, refs_of(p));
  EXPECT_EQ(1u, status_of(r).mps_sorights);
}

}  // namespace
}  // namespace checks
