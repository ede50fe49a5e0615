// SPDX-License-Identifier: Apache-2.0
// A small MIG subsystem, both sides by hand and by the book (messages 11): what a generated client and server
// would send each other. Tests look at the bytes between them, and put a server of their own in its place.
#pragma once

#include <mach/mach.h>

#include <functional>
#include <string>

#include "checks/harness.hpp"

namespace checks::sample {

// routine add(numbers: array[*:10] of u8; plus: int; out sum: int)
// routine length(text: c_string[*:64]; out length: u32)
// routine make_port(out port: mach_port_move_receive_t)       fails with KERN_FAILURE when there is none to
// give simpleroutine poke(value: int) routine take(port: mach_port_t; data: array[] of u8)        returns
// what `take_code` says
enum Id : mach_msg_id_t { kAdd = 7000, kLength, kMakePort, kPoke, kTake, kEnd };

// What a reply must be (11.3).
struct Wanted {
  mach_msg_id_t id;
  mach_msg_size_t size;
  mach_msg_size_t descriptors;  // 0: a simple one
};
// Sends a request of `size` bytes and takes its reply into the same buffer, of `room` bytes, as a generated
// stub does; a reply that is refused is destroyed.
kern_return_t exchange(mach_msg_header_t* message, mach_msg_size_t size, mach_msg_size_t room,
                       const Wanted& wanted);

kern_return_t add(mach_port_t server, const std::string& numbers, int plus, int* sum);
kern_return_t length(mach_port_t server, const std::string& text, uint32_t* length);
kern_return_t make_port(mach_port_t server, mach_port_t* port);
kern_return_t poke(mach_port_t server, int value);
kern_return_t take(mach_port_t server, mach_port_t port, void* data, uint32_t size);

// The server's demultiplexer, and what it last saw of a request and of its own reply.
boolean_t demux(mach_msg_header_t* request, mach_msg_header_t* reply);
struct Seen {
  mach_msg_header_t request;
  mach_msg_size_t reply_size;
  mach_msg_bits_t reply_bits;
  int poked;
  uint32_t words[16];  // of the request, behind its header
};
extern Seen g_seen;
extern kern_return_t g_take_code;
extern mach_port_t g_port_to_give;

// A server in a thread of its own, for one request; by default the sample's. Ends with it.
class Once {
 public:
  using Demux = boolean_t (*)(mach_msg_header_t*, mach_msg_header_t*);
  explicit Once(Demux with = demux, mach_msg_options_t options = 0);
  ~Once();
  Once(const Once&) = delete;
  Once& operator=(const Once&) = delete;

  mach_port_t port() const { return port_; }
  // What mach_msg_server_once returned.
  mach_msg_return_t code();

 private:
  mach_port_t port_;
  std::future<mach_msg_return_t> code_;
  std::thread thread_;
};

}  // namespace checks::sample
