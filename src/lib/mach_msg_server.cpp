// SPDX-License-Identifier: Apache-2.0
// The server loops (messages 10.3): a request is received, the server's demultiplexer fills in a reply, the
// reply is sent together with the next receive. User-space code over public calls; contracts are in
// include/mach/mach.h.
#include <mach/mach.h>
#include <string.h>

#include <algorithm>

namespace {

using Demux = boolean_t (*)(mach_msg_header_t*, mach_msg_header_t*);

constexpr uint64_t kPage = 4096;
constexpr uint64_t page_up(uint64_t size) { return (size + kPage - 1) & ~(kPage - 1); }

// Memory for one message, given back at the end.
class Buffer {
 public:
  Buffer() = default;
  Buffer(const Buffer&) = delete;
  Buffer& operator=(const Buffer&) = delete;
  ~Buffer() { drop(); }

  // What was in it is gone.
  kern_return_t make(uint64_t size) {
    drop();
    const kern_return_t code = vm_allocate(mach_task_self(), &address_, size, VM_FLAGS_ANYWHERE);
    size_ = code == KERN_SUCCESS ? size : 0;
    return code;
  }
  mach_msg_header_t* header() const { return reinterpret_cast<mach_msg_header_t*>(address_); }

 private:
  void drop() {
    if (size_ != 0) vm_deallocate(mach_task_self(), address_, size_);
    size_ = 0;
  }
  vm_address_t address_ = 0;
  uint64_t size_ = 0;
};

class Server {
 public:
  Server(Demux demux, mach_msg_size_t max_size, mach_port_t name, mach_msg_options_t options)
      : demux_(demux),
        max_size_(max_size),
        name_(name),
        options_(options & ~(MACH_SEND_MSG | MACH_RCV_MSG | MACH_RCV_VOUCHER)) {}

  kern_return_t prepare() {
    const uint64_t full = page_up(uint64_t{max_size_} + trailer_size());
    room_ = (options_ & MACH_RCV_LARGE) != 0 ? full : uint64_t{max_size_} + trailer_size();
    if (full > UINT32_MAX) return KERN_NO_SPACE;
    const kern_return_t code = request_.make(full);
    if (code != KERN_SUCCESS) return code;
    const bool trailer = (options_ & MACH_SEND_TRAILER) != 0;
    return reply_.make(page_up(uint64_t{max_size_} + (trailer ? MAX_TRAILER_SIZE : 0)));
  }

  // The next request, however large if the options say so.
  mach_msg_return_t receive() {
    for (;;) {
      const mach_msg_return_t code =
          mach_msg(request_.header(), receive_options(), 0, static_cast<uint32_t>(room_), name_,
                   MACH_MSG_TIMEOUT_NONE, MACH_PORT_NULL);
      if (code != MACH_RCV_TOO_LARGE || !grow()) return grown_ != KERN_SUCCESS ? grown_ : code;
    }
  }

  // Has the request served; false: there is no reply to send.
  bool serve() {
    mach_msg_header_t* request = request_.header();
    mach_msg_header_t* reply = reply_.header();
    *reply = {};
    demux_(request, reply);  // its truth is the return code's
    const bool complex = (reply->msgh_bits & MACH_MSGH_BITS_COMPLEX) != 0;
    const kern_return_t code = complex ? KERN_SUCCESS : reinterpret_cast<mig_reply_error_t*>(reply)->RetCode;
    if (code == MIG_NO_REPLY) {
      reply->msgh_remote_port = MACH_PORT_NULL;
    } else if (code != KERN_SUCCESS) {
      request->msgh_remote_port = MACH_PORT_NULL;  // the right is the reply's now
      mach_msg_destroy(request);
    }
    return reply->msgh_remote_port != MACH_PORT_NULL;
  }

  // Sends the reply alone. Codes that are the client's doing count as success.
  mach_msg_return_t reply() {
    const mach_msg_return_t code = mach_msg(reply_.header(), send_options(), reply_.header()->msgh_size, 0,
                                            MACH_PORT_NULL, 0, MACH_PORT_NULL);
    return undelivered(code) ? MACH_MSG_SUCCESS : code;
  }

  // Sends the reply and takes the next request if there is one. MACH_RCV_TIMED_OUT: there is none to serve
  // yet.
  mach_msg_return_t reply_and_receive() {
    const mach_msg_return_t code = mach_msg_overwrite(
        reply_.header(), send_options() | receive_options() | MACH_RCV_TIMEOUT, reply_.header()->msgh_size,
        static_cast<uint32_t>(room_), name_, 0, MACH_PORT_NULL, request_.header(), 0);
    if (undelivered(code)) return MACH_RCV_TIMED_OUT;
    if (code == MACH_RCV_TOO_LARGE && grow()) return MACH_RCV_TIMED_OUT;
    return grown_ != KERN_SUCCESS ? grown_ : code;
  }

 private:
  uint64_t trailer_size() const { return REQUESTED_TRAILER_SIZE(options_); }
  mach_msg_option_t receive_options() const { return MACH_RCV_MSG | MACH_RCV_VOUCHER | options_; }
  // A client that does not empty its queue must not hold up the server.
  mach_msg_option_t send_options() const {
    const bool once = MACH_MSGH_BITS_REMOTE(reply_.header()->msgh_bits) == MACH_MSG_TYPE_MOVE_SEND_ONCE;
    return MACH_SEND_MSG | (options_ & ~MACH_RCV_TIMEOUT) | (once ? 0 : MACH_SEND_TIMEOUT);
  }

  // True: the reply could not be delivered, which is its client's loss; what it carried is released.
  bool undelivered(mach_msg_return_t code) {
    if (code != MACH_SEND_INVALID_DEST && code != MACH_SEND_TIMED_OUT && code != MACH_SEND_INTERRUPTED)
      return false;
    mach_msg_header_t* reply = reply_.header();
    const mach_msg_type_name_t local = MACH_MSGH_BITS_LOCAL(reply->msgh_bits);
    if (MACH_PORT_VALID(reply->msgh_local_port) &&
        (local == MACH_MSG_TYPE_MOVE_SEND || local == MACH_MSG_TYPE_MOVE_SEND_ONCE))
      mach_port_deallocate(mach_task_self(), reply->msgh_local_port);
    mach_msg_destroy(reply);
    return true;
  }

  // Makes room for the message that was too large; false: it is not to be, or there is no memory (grown_).
  bool grow() {
    if ((options_ & MACH_RCV_LARGE) == 0) return false;
    const uint64_t wanted = page_up(uint64_t{request_.header()->msgh_size} + trailer_size());
    grown_ = request_.make(wanted);
    room_ = wanted;
    return grown_ == KERN_SUCCESS;
  }

  Demux demux_;
  mach_msg_size_t max_size_;
  mach_port_t name_;
  mach_msg_options_t options_;
  uint64_t room_ = 0;  // bytes of the request buffer that a receive may use
  kern_return_t grown_ = KERN_SUCCESS;
  Buffer request_, reply_;
};

}  // namespace

extern "C" {

mach_msg_return_t mach_msg_server_once(boolean_t (*demux)(mach_msg_header_t*, mach_msg_header_t*),
                                       mach_msg_size_t max_size, mach_port_t rcv_name,
                                       mach_msg_options_t options) {
  Server server(demux, max_size, rcv_name, options);
  if (const kern_return_t code = server.prepare(); code != KERN_SUCCESS) return code;
  if (const mach_msg_return_t code = server.receive(); code != MACH_MSG_SUCCESS) return code;
  return server.serve() ? server.reply() : MACH_MSG_SUCCESS;
}

mach_msg_return_t mach_msg_server(boolean_t (*demux)(mach_msg_header_t*, mach_msg_header_t*),
                                  mach_msg_size_t max_size, mach_port_t rcv_name,
                                  mach_msg_options_t options) {
  Server server(demux, max_size, rcv_name, options);
  if (const kern_return_t code = server.prepare(); code != KERN_SUCCESS) return code;
  mach_msg_return_t code = server.receive();
  while (code == MACH_MSG_SUCCESS) {
    code = server.serve() ? server.reply_and_receive() : MACH_RCV_TIMED_OUT;
    if (code == MACH_RCV_TIMED_OUT) code = server.receive();
  }
  return code;
}

mach_msg_return_t mach_msg_server_importance(boolean_t (*demux)(mach_msg_header_t*, mach_msg_header_t*),
                                             mach_msg_size_t max_size, mach_port_t rcv_name,
                                             mach_msg_options_t options) {
  return mach_msg_server(demux, max_size, rcv_name, options);
}

}  // extern "C"
