// SPDX-License-Identifier: Apache-2.0
// Messages of any shape for the checks of docs/rules/messages.md: put together piece by piece, sent and
// received in one buffer, and taken apart again.
#pragma once

#include "checks/words.hpp"

namespace checks {

// The kinds of right as they travel.
inline constexpr mach_msg_type_name_t kReceive = MACH_MSG_TYPE_PORT_RECEIVE;
inline constexpr mach_msg_type_name_t kSend = MACH_MSG_TYPE_PORT_SEND;
inline constexpr mach_msg_type_name_t kSendOnce = MACH_MSG_TYPE_PORT_SEND_ONCE;
inline constexpr mach_msg_type_name_t kCopySend = MACH_MSG_TYPE_COPY_SEND;
inline constexpr mach_msg_type_name_t kMakeSend = MACH_MSG_TYPE_MAKE_SEND;
inline constexpr mach_msg_type_name_t kMakeSendOnce = MACH_MSG_TYPE_MAKE_SEND_ONCE;

inline constexpr mach_msg_option_t kPoll = MACH_SEND_TIMEOUT;  // with timeout 0
inline constexpr mach_msg_option_t kSeqno = MACH_RCV_TRAILER_ELEMENTS(MACH_RCV_TRAILER_SEQNO);
inline constexpr mach_msg_option_t kAudit = MACH_RCV_TRAILER_ELEMENTS(MACH_RCV_TRAILER_AUDIT);

class Packet {
 public:
  Packet() = default;
  Packet(mach_port_t to, mach_msg_type_name_t disposition, mach_msg_id_t id = 1);

  Packet& reply(mach_port_t port, mach_msg_type_name_t disposition = kMakeSendOnce);
  Packet& port(mach_port_t name, mach_msg_type_name_t disposition);
  Packet& memory(const void* address, mach_msg_size_t size, unsigned copy = MACH_MSG_VIRTUAL_COPY,
                 bool deallocate = false);
  Packet& array(const mach_port_t* names, mach_msg_size_t count, mach_msg_type_name_t disposition,
                bool deallocate = false);
  Packet& guarded(mach_port_t name, mach_port_context_t context, unsigned flags);
  Packet& data(const void* bytes, mach_msg_size_t size);

  // Without an option it waits for room.
  kern_return_t send(mach_msg_option_t option = kPoll, mach_msg_timeout_t timeout = 0);
  // With no time to wait it is content with what is there.
  kern_return_t receive(mach_port_t from, mach_msg_option_t option = 0,
                        mach_msg_timeout_t timeout = kPatience, mach_msg_size_t room = sizeof(bytes));

  mach_msg_header_t& header() { return *reinterpret_cast<mach_msg_header_t*>(bytes); }
  mach_msg_bits_t bits() { return header().msgh_bits; }
  mach_msg_size_t count() { return body().msgh_descriptor_count; }
  mach_msg_port_descriptor_t& port(unsigned n) { return at<mach_msg_port_descriptor_t>(n); }
  mach_msg_ool_descriptor_t& memory(unsigned n) { return at<mach_msg_ool_descriptor_t>(n); }
  mach_msg_ool_ports_descriptor_t& array(unsigned n) { return at<mach_msg_ool_ports_descriptor_t>(n); }
  mach_msg_guarded_port_descriptor_t& guarded(unsigned n) {
    return at<mach_msg_guarded_port_descriptor_t>(n);
  }
  mach_msg_max_trailer_t& trailer() {
    return *reinterpret_cast<mach_msg_max_trailer_t*>(bytes + round_msg(header().msgh_size));
  }
  uint32_t word(size_t offset) const;

  mach_msg_size_t size = sizeof(mach_msg_header_t);  // that will be sent
  alignas(8) char bytes[4096] = {};

 private:
  mach_msg_body_t& body() { return *reinterpret_cast<mach_msg_body_t*>(bytes + sizeof(mach_msg_header_t)); }
  char* descriptor(unsigned n);
  template <class Descriptor>
  Descriptor& at(unsigned n) {
    return *reinterpret_cast<Descriptor*>(descriptor(n));
  }
  template <class Descriptor>
  Descriptor& add(unsigned type);
};

size_t page_size();

// Whole pages of memory that are returned at the end, if nobody did before.
class Pages {
 public:
  explicit Pages(size_t size, char fill = 0);
  ~Pages();
  Pages(const Pages&) = delete;
  Pages& operator=(const Pages&) = delete;

  char* get() const { return start_; }
  // A message took them.
  void gone() { size_ = 0; }

 private:
  char* start_;
  size_t size_;
};

// Can this byte be read?
bool readable(const void* address);
void free_memory(const void* address, size_t size);

// Fills the queue of a port with messages of ids 1 to `n`, sent through `to`.
void fill_queue(mach_port_t to, int n = MACH_PORT_QLIMIT_DEFAULT,
                mach_msg_type_name_t disposition = kCopySend);

// A send right under a name of its own: the receive right is given to the peer, under the name that is
// answered in `there`. It comes back with take_back.
mach_port_t send_right_to(Peer& peer, mach_port_name_t& there, mach_port_urefs_t urefs = 1);
mach_port_t take_back(Peer& peer, mach_port_name_t there);

}  // namespace checks
