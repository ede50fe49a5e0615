// SPDX-License-Identifier: Apache-2.0
#include "checks/mig_sample.hpp"

#include <cstring>

#include "checks/words.hpp"

namespace checks::sample {

Seen g_seen;
kern_return_t g_take_code = KERN_SUCCESS;
mach_port_t g_port_to_give = MACH_PORT_NULL;

namespace {

constexpr uint32_t kHeader = sizeof(mach_msg_header_t);

uint32_t* words_of(mach_msg_header_t* message) { return reinterpret_cast<uint32_t*>(message + 1); }
void put_ndr(uint32_t* at) { std::memcpy(at, &NDR_record, sizeof NDR_record); }

// Room for the largest message of the subsystem with its trailer.
struct Buffer {
  mach_msg_header_t header;
  uint32_t words[60];
};

mach_msg_header_t request_to(mach_port_t server, mach_msg_id_t id, mach_msg_bits_t other = 0) {
  mach_msg_header_t header{};
  header.msgh_bits = MACH_MSGH_BITS(MACH_MSG_TYPE_COPY_SEND, MACH_MSG_TYPE_MAKE_SEND_ONCE) | other;
  header.msgh_remote_port = server;
  header.msgh_id = id;
  return header;
}

kern_return_t examine(mach_msg_header_t* reply, const Wanted& wanted) {
  if (reply->msgh_id == MACH_NOTIFY_SEND_ONCE) return MIG_SERVER_DIED;
  if (reply->msgh_id != wanted.id) return MIG_REPLY_MISMATCH;
  const auto* error = reinterpret_cast<mig_reply_error_t*>(reply);
  const bool complex = (reply->msgh_bits & MACH_MSGH_BITS_COMPLEX) != 0;
  const bool is_error = !complex && reply->msgh_size == sizeof *error && error->RetCode != KERN_SUCCESS;
  const bool fits = complex == (wanted.descriptors != 0) && reply->msgh_size == wanted.size &&
                    (!complex || words_of(reply)[0] == wanted.descriptors);
  if (!is_error && !fits) return MIG_TYPE_ERROR;
  if (reply->msgh_remote_port != MACH_PORT_NULL) return MIG_TYPE_ERROR;
  return is_error ? error->RetCode : KERN_SUCCESS;
}

void answer(mach_msg_header_t* request, mach_msg_header_t* reply, kern_return_t code) {
  auto* error = reinterpret_cast<mig_reply_error_t*>(reply);
  error->Head.msgh_bits = MACH_MSGH_BITS(MACH_MSGH_BITS_REMOTE(request->msgh_bits), 0);
  error->Head.msgh_size = sizeof *error;
  error->Head.msgh_remote_port = request->msgh_remote_port;
  error->Head.msgh_local_port = MACH_PORT_NULL;
  error->Head.msgh_reserved = 0;
  error->Head.msgh_id = request->msgh_id + 100;
  error->NDR = NDR_record;
  error->RetCode = code;
}

// The out argument of a simple reply.
void result(mach_msg_header_t* reply, uint32_t value) {
  words_of(reply)[3] = value;
  reply->msgh_size = sizeof(mig_reply_error_t) + 4;
}

kern_return_t serve_add(mach_msg_header_t* request, mach_msg_header_t* reply) {
  const uint32_t* in = words_of(request);
  const uint32_t count = in[2], padded = (count + 3) / 4;
  if (count > 10 || request->msgh_size != kHeader + 8 + 4 + 4 * padded + 4) return MIG_BAD_ARGUMENTS;
  const auto* bytes = reinterpret_cast<const uint8_t*>(in + 3);
  uint32_t sum = in[3 + padded];
  for (uint32_t i = 0; i < count; i++) sum += bytes[i];
  result(reply, sum);
  return KERN_SUCCESS;
}

kern_return_t serve_length(mach_msg_header_t* request, mach_msg_header_t* reply) {
  const uint32_t* in = words_of(request);
  const uint32_t length = in[3];
  if (length > 64 || request->msgh_size != kHeader + 8 + 8 + (length + 3) / 4 * 4) return MIG_BAD_ARGUMENTS;
  const auto* text = reinterpret_cast<const char*>(in + 4);
  if (std::memchr(text, 0, length) == nullptr) return MIG_BAD_ARGUMENTS;
  result(reply, static_cast<uint32_t>(std::strlen(text)));
  return KERN_SUCCESS;
}

kern_return_t serve_make_port(mach_msg_header_t* reply) {
  if (g_port_to_give == MACH_PORT_NULL) return KERN_FAILURE;
  words_of(reply)[0] = 1;
  mach_msg_port_descriptor_t port{};
  port.name = g_port_to_give;
  port.disposition = MACH_MSG_TYPE_MOVE_RECEIVE;
  port.type = MACH_MSG_PORT_DESCRIPTOR;
  std::memcpy(words_of(reply) + 1, &port, sizeof port);
  reply->msgh_bits |= MACH_MSGH_BITS_COMPLEX;
  reply->msgh_size = kHeader + 4 + sizeof port;
  return KERN_SUCCESS;
}

}  // namespace

kern_return_t exchange(mach_msg_header_t* message, mach_msg_size_t size, mach_msg_size_t room,
                       const Wanted& wanted) {
  message->msgh_local_port = mig_get_reply_port();
  const mach_msg_return_t code = mach_msg(message, MACH_SEND_MSG | MACH_RCV_MSG, size, room,
                                          message->msgh_local_port, MACH_MSG_TIMEOUT_NONE, MACH_PORT_NULL);
  if (code == MACH_SEND_INVALID_DATA || code == MACH_SEND_INVALID_DEST || code == MACH_SEND_INVALID_HEADER) {
    mig_put_reply_port(message->msgh_local_port);
    return code;
  }
  if (code != MACH_MSG_SUCCESS) {
    mig_dealloc_reply_port(message->msgh_local_port);
    return code;
  }
  const kern_return_t found = examine(message, wanted);
  if (found != KERN_SUCCESS) mach_msg_destroy(message);
  return found;
}

kern_return_t add(mach_port_t server, const std::string& numbers, int plus, int* sum) {
  Buffer m{};
  const auto count = static_cast<uint32_t>(numbers.size()), padded = (count + 3) / 4;
  if (count > 10) return MIG_ARRAY_TOO_LARGE;
  m.header = request_to(server, kAdd);
  put_ndr(m.words);
  m.words[2] = count;
  std::memcpy(m.words + 3, numbers.data(), count);
  m.words[3 + padded] = static_cast<uint32_t>(plus);
  const kern_return_t code =
      exchange(&m.header, kHeader + 8 + 4 + 4 * padded + 4, sizeof m, {kAdd + 100, 40, 0});
  if (code == KERN_SUCCESS) *sum = static_cast<int>(m.words[3]);
  return code;
}

kern_return_t length(mach_port_t server, const std::string& text, uint32_t* length) {
  Buffer m{};
  m.header = request_to(server, kLength);
  put_ndr(m.words);
  const auto bytes =
      static_cast<uint32_t>(mig_strncpy_zerofill(reinterpret_cast<char*>(m.words + 4), text.c_str(), 64));
  m.words[3] = bytes;
  const kern_return_t code =
      exchange(&m.header, kHeader + 8 + 8 + (bytes + 3) / 4 * 4, sizeof m, {kLength + 100, 40, 0});
  if (code == KERN_SUCCESS) *length = m.words[3];
  return code;
}

kern_return_t make_port(mach_port_t server, mach_port_t* port) {
  Buffer m{};
  m.header = request_to(server, kMakePort);
  const kern_return_t code = exchange(&m.header, kHeader, sizeof m, {kMakePort + 100, 40, 1});
  if (code == KERN_SUCCESS) *port = m.words[1];
  return code;
}

kern_return_t poke(mach_port_t server, int value) {
  Buffer m{};
  m.header = request_to(server, kPoke);
  m.header.msgh_bits = MACH_MSGH_BITS(MACH_MSG_TYPE_COPY_SEND, 0);
  put_ndr(m.words);
  m.words[2] = static_cast<uint32_t>(value);
  return mach_msg(&m.header, MACH_SEND_MSG, kHeader + 12, 0, MACH_PORT_NULL, MACH_MSG_TIMEOUT_NONE,
                  MACH_PORT_NULL);
}

kern_return_t take(mach_port_t server, mach_port_t port, void* data, uint32_t size) {
  Buffer m{};
  m.header = request_to(server, kTake, MACH_MSGH_BITS_COMPLEX);
  struct {
    uint32_t count;
    mach_msg_port_descriptor_t port;
    mach_msg_ool_descriptor_t memory;
    NDR_record_t ndr;
    uint32_t size;
  } body{};
  body.count = 2;
  body.port.name = port;
  body.port.disposition = MACH_MSG_TYPE_COPY_SEND;
  body.port.type = MACH_MSG_PORT_DESCRIPTOR;
  body.memory.address = data;
  body.memory.size = size;
  body.memory.copy = MACH_MSG_VIRTUAL_COPY;
  body.memory.type = MACH_MSG_OOL_DESCRIPTOR;
  body.ndr = NDR_record;
  body.size = size;
  static_assert(sizeof body == 4 + 12 + 16 + 8 + 4);
  std::memcpy(m.words, &body, sizeof body);
  return exchange(&m.header, kHeader + sizeof body, sizeof m, {kTake + 100, 36, 0});
}

boolean_t demux(mach_msg_header_t* request, mach_msg_header_t* reply) {
  g_seen.request = *request;
  std::memcpy(g_seen.words, request + 1, std::min<size_t>(request->msgh_size - kHeader, sizeof g_seen.words));
  answer(request, reply, KERN_SUCCESS);
  kern_return_t code = KERN_SUCCESS;
  boolean_t known = TRUE;
  switch (request->msgh_id) {
    case kAdd:
      code = serve_add(request, reply);
      break;
    case kLength:
      code = serve_length(request, reply);
      break;
    case kMakePort:
      code = serve_make_port(reply);
      break;
    case kPoke:
      g_seen.poked = static_cast<int>(words_of(request)[2]);
      break;
    case kTake:
      code = g_take_code;
      break;
    default:
      code = MIG_BAD_ID;
      known = FALSE;
  }
  if (code != KERN_SUCCESS) answer(request, reply, code);
  g_seen.reply_size = reply->msgh_size;
  g_seen.reply_bits = reply->msgh_bits;
  return known;
}

Once::Once(Demux with, mach_msg_options_t options) : port_(new_port_with_sends(1)) {
  std::packaged_task<mach_msg_return_t()> task(
      [=, port = port_] { return mach_msg_server_once(with, 256, port, options); });
  code_ = task.get_future();
  thread_ = std::thread(std::move(task));
}

Once::~Once() {
  drop_receive(port_);  // ends a server that nobody asked
  thread_.join();
  drop_send(port_);
}

mach_msg_return_t Once::code() { return code_.get(); }

}  // namespace checks::sample
