// SPDX-License-Identifier: Apache-2.0
// mach_msg: a server that answers each request with one combined call, as Darwin's servers do.
#include <mach/mach.h>
#include <servers/bootstrap.h>
#include <unistd.h>

#include <cstring>

#include "subject.hpp"

namespace bench {

namespace {

void check(kern_return_t result, const char* what) {
  if (result != KERN_SUCCESS) fail(what, mach_error_string(result));
}

// 64 bytes with the header.
struct Small {
  mach_msg_header_t header;
  unsigned char data[kMessage - sizeof(mach_msg_header_t)];
};
static_assert(sizeof(Small) == kMessage);

struct Large {
  mach_msg_header_t header;
  mach_msg_body_t body;
  mach_msg_ool_descriptor_t content;
};

template <typename Message>
union Buffer {
  mach_msg_header_t header;
  Message message;
  unsigned char room[sizeof(Message) + MAX_TRAILER_SIZE];
};

constexpr mach_msg_id_t kAsk = 100;  // wants an answer
constexpr mach_msg_id_t kTell = 101;

class Mach : public Subject {
 public:
  explicit Mach(std::string service) : service_(std::move(service)) {}

  void connect() override {
    check(mach_port_allocate(mach_task_self(), MACH_PORT_RIGHT_RECEIVE, &reply_port_), "mach_port_allocate");
    kern_return_t result = BOOTSTRAP_UNKNOWN_SERVICE;
    for (int i = 0; i < 10000 && result == BOOTSTRAP_UNKNOWN_SERVICE; i++) {
      if (i != 0) usleep(1000);
      result = bootstrap_look_up(bootstrap_port, service_.c_str(), &server_);
    }
    check(result, "bootstrap_look_up");
  }

 protected:
  mach_port_t check_in(mach_port_msgcount_t queue_limit) {
    mach_port_t port = MACH_PORT_NULL;
    check(bootstrap_check_in(bootstrap_port, service_.c_str(), &port), "bootstrap_check_in");
    mach_port_limits_t limits = {queue_limit};
    check(mach_port_set_attributes(mach_task_self(), port, MACH_PORT_LIMITS_INFO,
                                   reinterpret_cast<mach_port_info_t>(&limits), MACH_PORT_LIMITS_INFO_COUNT),
          "mach_port_set_attributes");
    return port;
  }

  // A request in `header` and its answer in the same buffer.
  void ask(mach_msg_header_t& header, mach_msg_bits_t more_bits, mach_msg_size_t size, mach_msg_size_t room) {
    header.msgh_bits = MACH_MSGH_BITS(MACH_MSG_TYPE_COPY_SEND, MACH_MSG_TYPE_MAKE_SEND_ONCE) | more_bits;
    header.msgh_remote_port = server_;
    header.msgh_local_port = reply_port_;
    header.msgh_voucher_port = MACH_PORT_NULL;
    header.msgh_id = kAsk;
    check(mach_msg(&header, MACH_SEND_MSG | MACH_RCV_MSG, size, room, reply_port_, 0, MACH_PORT_NULL),
          "mach_msg");
  }

  // Turns a request into the answer to it.
  static void turn_round(mach_msg_header_t& header) {
    header.msgh_bits = MACH_MSGH_BITS(MACH_MSG_TYPE_MOVE_SEND_ONCE, 0);
    header.msgh_local_port = MACH_PORT_NULL;
  }

  const std::string service_;
  mach_port_t server_ = MACH_PORT_NULL;
  mach_port_t reply_port_ = MACH_PORT_NULL;
};

class RoundTrip final : public Mach {
 public:
  using Mach::Mach;

  void serve() override {
    const mach_port_t port = check_in(MACH_PORT_QLIMIT_DEFAULT);
    Buffer<Small> buffer{};
    check(mach_msg(&buffer.header, MACH_RCV_MSG, 0, sizeof buffer, port, 0, MACH_PORT_NULL), "mach_msg");
    for (;;) {
      turn_round(buffer.header);
      check(mach_msg(&buffer.header, MACH_SEND_MSG | MACH_RCV_MSG, sizeof(Small), sizeof buffer, port, 0,
                     MACH_PORT_NULL),
            "mach_msg");
    }
  }

  void iterate() override { ask(buffer_.header, 0, sizeof(Small), sizeof buffer_); }

 private:
  Buffer<Small> buffer_{};
};

class OneWay final : public Mach {
 public:
  using Mach::Mach;

  void serve() override {
    const mach_port_t port = check_in(MACH_PORT_QLIMIT_LARGE);
    Buffer<Small> buffer{};
    for (;;) {
      check(mach_msg(&buffer.header, MACH_RCV_MSG, 0, sizeof buffer, port, 0, MACH_PORT_NULL), "mach_msg");
      if (buffer.header.msgh_id != kAsk) continue;
      turn_round(buffer.header);
      check(mach_msg(&buffer.header, MACH_SEND_MSG, sizeof(Small), 0, MACH_PORT_NULL, 0, MACH_PORT_NULL),
            "mach_msg");
    }
  }

  void iterate() override {
    for (uint32_t i = 1; i < kBurst; i++) {
      Small message{};
      message.header.msgh_bits = MACH_MSGH_BITS(MACH_MSG_TYPE_COPY_SEND, 0);
      message.header.msgh_remote_port = server_;
      message.header.msgh_id = kTell;
      check(mach_msg(&message.header, MACH_SEND_MSG, sizeof message, 0, MACH_PORT_NULL, 0, MACH_PORT_NULL),
            "mach_msg");
    }
    ask(buffer_.header, 0, sizeof(Small), sizeof buffer_);
  }

  uint32_t weight() const override { return kBurst; }

 private:
  Buffer<Small> buffer_{};
};

class Megabyte final : public Mach {
 public:
  using Mach::Mach;

  void serve() override {
    const mach_port_t port = check_in(MACH_PORT_QLIMIT_DEFAULT);
    Buffer<Large> buffer{};
    unsigned char seen = 0;
    for (;;) {
      check(mach_msg(&buffer.header, MACH_RCV_MSG, 0, sizeof buffer, port, 0, MACH_PORT_NULL), "mach_msg");
      const mach_msg_ool_descriptor_t content = buffer.message.content;
      const auto* bytes = static_cast<const volatile unsigned char*>(content.address);
      for (uint32_t i = 0; i < content.size; i += 4096) seen = static_cast<unsigned char>(seen + bytes[i]);
      Small reply{};
      reply.header = buffer.header;
      turn_round(reply.header);
      reply.data[0] = seen;
      check(mach_msg(&reply.header, MACH_SEND_MSG, sizeof reply, 0, MACH_PORT_NULL, 0, MACH_PORT_NULL),
            "mach_msg");
      check(vm_deallocate(mach_task_self(), reinterpret_cast<vm_address_t>(content.address), content.size),
            "vm_deallocate");
    }
  }

  void connect() override {
    Mach::connect();
    check(vm_allocate(mach_task_self(), &content_, kMegabyte, VM_FLAGS_ANYWHERE), "vm_allocate");
    std::memset(reinterpret_cast<void*>(content_), 7, kMegabyte);
  }

  void iterate() override {
    union {
      mach_msg_header_t header;
      Large request;
      Buffer<Small> reply;
    } buffer{};
    buffer.request.body.msgh_descriptor_count = 1;
    buffer.request.content.address = reinterpret_cast<void*>(content_);
    buffer.request.content.size = kMegabyte;
    buffer.request.content.copy = MACH_MSG_VIRTUAL_COPY;
    buffer.request.content.type = MACH_MSG_OOL_DESCRIPTOR;
    ask(buffer.header, MACH_MSGH_BITS_COMPLEX, sizeof(Large), sizeof buffer);
  }

 private:
  vm_address_t content_ = 0;
};

}  // namespace

std::unique_ptr<Subject> mach_subject(const std::string& measure, const std::string& service) {
  if (measure == "round-trip") return std::make_unique<RoundTrip>(service);
  if (measure == "one-way") return std::make_unique<OneWay>(service);
  if (measure == "megabyte") return std::make_unique<Megabyte>(service);
  return nullptr;
}

}  // namespace bench
