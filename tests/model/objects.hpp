// SPDX-License-Identifier: Apache-2.0
// What the model is made of: plain data, with the words of docs/rules/ports.md. No code of the kernel is used
// or imitated here; the rules alone decide. One thread, no memory to save, nothing is ever freed while the
// model lives.
//
// Ports and sets are owned by the model and named by pointer; a dead port stays, so that an entry may still
// point to it until somebody looks (ports 10.1).
#pragma once

#include <mach/mach_port.h>
#include <mach/message.h>

#include <cstdint>
#include <deque>
#include <list>
#include <map>
#include <set>
#include <string>
#include <vector>

namespace portolan::model {

using Name = mach_port_name_t;
using Bytes = std::vector<uint8_t>;

struct Port;
struct PortSet;
struct Space;

inline constexpr uint32_t kUrefsMax = 65535;  // ports 4.3: here a count stays for ever
inline constexpr uint32_t kQueueCap = 65534;  // messages 1.6
inline constexpr uint32_t kQueueLimitMax = 1024;

// What a message field or a call argument can hold of a right: nothing, a right that died, or a right.
// `disposition` is the kind as it travels: 16 receive, 17 send, 18 send-once, 0 unknown (messages 1.3).
struct Right {
  enum class State { null, dead, live } state = State::null;
  uint32_t disposition = 0;
  Port* port = nullptr;  // live: the port, which may die while the right is on its way

  bool live() const { return state == State::live; }
};

// A dead-name or send-possible request of one name (ports 8.3, 8.4): a slot in the port's request table.
struct Request {
  enum class State { dead_name, send_possible, send_possible_unarmed, fired, died_unfired };
  Space* space;
  Name name;
  Port* notify;  // holds one send-once right; null once it fired
  State state;
};

struct Entry {
  uint32_t type = 0;  // MACH_PORT_TYPE_ bits
  uint32_t urefs = 0;
  Port* port = nullptr;
  PortSet* set = nullptr;
  Request* request = nullptr;

  bool has(uint32_t bits) const { return (type & bits) != 0; }
  bool pure_send() const { return type == MACH_PORT_TYPE_SEND; }
};

// One item behind the header of a complex message.
struct Item {
  uint8_t type = 0;  // of the descriptor
  Right right;       // PORT, GUARDED_PORT
  uint64_t context = 0;
  uint16_t flags = 0;
  uint8_t copy = 0;           // OOL
  Bytes memory;               // OOL
  uint32_t offset = 0;        // OOL: where it begins in its page, if it keeps that place
  uint32_t disposition = 0;   // OOL_PORTS: as it travels
  std::vector<Right> rights;  // OOL_PORTS
};

struct Sender {
  security_token_t security{};
  audit_token_t audit{};
};

struct Message {
  uint32_t size = 0;  // as the user sees it, without trailer
  int32_t id = 0;
  bool complex = false;
  uint32_t voucher = 0;
  Right destination, reply;
  std::vector<Item> items;
  Bytes data;  // behind the descriptors
  bool circular = false;
  Sender sender;
  // Not 0: the order among neighbours with the same number is open. So it is with dead-name notices of one
  // port, and with all notices of one call from the moment on that it destroys a message (ports 10.1, 10.5).
  uint32_t unordered = 0;
};

struct Port {
  bool alive = true;
  Space* holder = nullptr;  // who has the receive right, and by which name
  Name name = 0;
  Port* transit = nullptr;  // where the message goes that has the receive right
  uint32_t srights = 0, sorights = 0;
  uint32_t mscount = 0, seqno = 0, qlimit = MACH_PORT_QLIMIT_BASIC;
  uint64_t context = 0;
  bool guarded = false, strict = false, immovable = false;
  uint32_t donation_flags = 0;
  std::deque<Message> queue;
  std::vector<PortSet*> sets;
  Port* no_senders = nullptr;  // each holds one send-once right
  Port* port_destroyed = nullptr;
  std::list<Request> requests;
  uint32_t request_slots = 0;  // ports 7.15: the size of the request table

  bool full() const { return queue.size() >= qlimit; }
};

struct PortSet {
  bool alive = true;
  std::set<Port*> members;
  std::deque<Port*> ready;  // messages 6.3: the line of members that may have messages
};

}  // namespace portolan::model
