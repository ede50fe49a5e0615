// SPDX-License-Identifier: Apache-2.0
// The reference model of ports and messages: what docs/rules says, as directly as it can be said. It is slow
// and sure: one thread, no blocking (a send or receive that would wait is not asked for), no shortage.
//
//   rights.cpp      taking rights out of a space, putting them in, letting them go      ports 4, 5
//   death.cpp       ports and messages that end, and the notices of it                  ports 8.6, 8.7, 10,
//   11 calls.cpp       the mach_port calls on rights ports 7.4-7.8, 7.13, 7.14, 7.19, 7.20 attributes.cpp
//   attributes, guards, sets, and looking                               ports 7.2, 7.7, 7.10-7.12, 7.15-7.18
//   requests.cpp    request_notification                                                ports 8
//   send.cpp        mach_msg, the send half                                             messages 5
//   receive.cpp     mach_msg, the receive half                                          messages 6
#pragma once

#include <memory>

#include "model/space.hpp"

namespace portolan::model {

// The memory of the program whose task calls. What a message takes from it, and what it gives.
class Memory {
 public:
  virtual ~Memory() = default;
  virtual bool read(uint64_t address, uint64_t size, Bytes& bytes) = 0;
  // Every page that [address, address + size) touches goes away.
  virtual void release(uint64_t address, uint64_t size) = 0;
  // New memory with this content, beginning so far into a page.
  virtual uint64_t give(const Bytes& bytes, uint32_t offset) = 0;
};

class Model {
 public:
  explicit Model(Chooser& chooser) : chooser_(chooser) {}
  Model(const Model&) = delete;
  Model& operator=(const Model&) = delete;

  // Before each call.
  void begin_call() {
    call_++;
    reaped_ = false;
  }

  Space& new_task(const Sender& sender);
  void end_task(Space& space);  // ports 10.3

  // -- calls.cpp: as the calls of the same name; results are set where the call sets them
  kern_return_t allocate(Space& space, mach_port_right_t right, Name& name);
  kern_return_t allocate_name(Space& space, mach_port_right_t right, Name& name);
  kern_return_t construct(Space& space, const mach_port_options_t& options, uint64_t context, Name& name);
  kern_return_t destruct(Space& space, Name name, mach_port_delta_t srdelta, uint64_t guard);
  kern_return_t deallocate(Space& space, Name name);
  kern_return_t destroy(Space& space, Name name);
  kern_return_t mod_refs(Space& space, Name name, mach_port_right_t right, mach_port_delta_t delta);
  kern_return_t insert_right(Space& space, Name name, Space& from, Name poly, uint32_t disposition);
  kern_return_t extract_right(Space& space, Name name, uint32_t disposition, Space& to, Name& right,
                              uint32_t& type);

  // -- attributes.cpp
  kern_return_t type(Space& space, Name name, uint32_t& type);
  kern_return_t get_refs(Space& space, Name name, mach_port_right_t right, uint32_t& refs);
  kern_return_t get_srights(Space& space, Name name, uint32_t& srights);
  kern_return_t dnrequest_info(Space& space, Name name, uint32_t& total, uint32_t& used);
  kern_return_t kobject(Space& space, Name name, uint32_t& type, uint64_t& address);
  kern_return_t get_attributes(Space& space, Name name, int flavor, std::vector<uint32_t>& info,
                               uint32_t& count);
  kern_return_t set_attributes(Space& space, Name name, int flavor, uint32_t value, uint32_t count);
  kern_return_t set_mscount(Space& space, Name name, uint32_t mscount);
  kern_return_t set_seqno(Space& space, Name name, uint32_t seqno);
  kern_return_t get_context(Space& space, Name name, uint64_t& context);
  kern_return_t set_context(Space& space, Name name, uint64_t context);
  kern_return_t guard(Space& space, Name name, uint64_t value, uint64_t flags);
  kern_return_t unguard(Space& space, Name name, uint64_t value);
  kern_return_t swap_guard(Space& space, Name name, uint64_t old_value, uint64_t new_value);
  struct Peeked {
    uint32_t seqno = 0, size = 0;
    int32_t id = 0;
    Sender sender;
  };
  kern_return_t peek(Space& space, Name name, uint32_t seqno, Peeked& peeked);
  kern_return_t insert_member(Space& space, Name name, Name set);
  kern_return_t extract_member(Space& space, Name name, Name set);
  kern_return_t move_member(Space& space, Name member, Name after);
  kern_return_t get_set_status(Space& space, Name set, std::vector<Name>& members);
  struct Listed {
    Name name;
    uint32_t type, urefs;
  };
  // mach_port_names, with the user references of space_info (ports 7.1, 7.21).
  std::vector<Listed> names(Space& space);

  // -- requests.cpp. The notify right comes from `from`, the previous one goes there.
  kern_return_t request_notification(Space& space, Name name, mach_msg_id_t id, uint32_t sync, Space& from,
                                     Name notify, uint32_t disposition, Name& previous);

  // -- send.cpp, receive.cpp: with a time-out of 0. `buffer` is the program's, at `address`.
  mach_msg_return_t send(Space& space, Memory& memory, Bytes& buffer, uint64_t address,
                         mach_msg_option_t option, uint32_t size);
  mach_msg_return_t receive(Space& space, Memory& memory, Bytes& buffer, uint64_t address,
                            mach_msg_option_t option, uint32_t size, Name name);

 private:
  // -- rights.cpp
  Port* new_port();
  bool check_dead(Space& space,
                  Entry& entry);  // converts a right whose port died (ports 10.1); true: is a dead name
  kern_return_t copyin(Space& space, Name name, uint32_t disposition, Right& right);
  Name copyout(Space& space, const Right& right);
  // Under a chosen name (ports 5.3); the right is gone in either case.
  kern_return_t copyout_name(Space& space, const Right& right, Name name);
  void enter_new(Space& space, Name name, const Right& right);
  void release(const Right& right);  // destroys it unused
  void release_send(Port* port);
  void release_send_once(Port* port);  // destroyed unused: its port hears of it
  void drop_urefs(Space& space, Name name, Entry& entry, uint32_t count);
  Port* cancel_request(Entry& entry);  // the notify right, null: none or fired
  void notify_deleted(Port* notify, Name name);
  void free_name(Space& space, Name name, Entry& entry);
  static bool add_urefs(Entry& entry, uint32_t count);

  // -- death.cpp
  void clear_receiver(Port* port, bool moves);
  void destroy_port(Port* port);
  void destroy_entry(Space& space, Name name);
  void destroy_receive_entry(Space& space, Name name, bool keep_send);
  void destroy_set(PortSet* set);
  void leave_sets(Port* port);
  void doom(Message message);  // destroys a message, now or after those that are being destroyed
  void post(Port* port, Message message);
  void queue_message(Port* port, Message message);
  // Of notices whose order is open, brings the one to this place that the kernel has there.
  void settle_order(Port& port, uint32_t place);
  static bool circular(const Port* moved, const Port* destination);
  uint32_t open_order() const { return call_ | 0x80000000u; }
  Message notice(mach_msg_id_t id, Port* notify, std::initializer_list<uint32_t> words) const;
  void fire_no_senders(Port* port);

  // -- attributes.cpp
  kern_return_t find_receive(Space& space, Name name, Port*& port);
  kern_return_t find_member(Space& space, Name name, Name set_name, Port*& port, PortSet*& set);
  void join(Port* port, PortSet* set);
  bool leave(Port* port, PortSet* set);

  // -- requests.cpp
  kern_return_t request_no_senders(Space& space, Name name, uint32_t sync, const Right& notify,
                                   Right& previous);
  kern_return_t request_port_destroyed(Space& space, Name name, uint32_t sync, const Right& notify);
  kern_return_t request_on_name(Space& space, Name name, bool dead_name, uint32_t sync, const Right& notify,
                                Right& previous);

  // -- send.cpp
  friend class Sending;
  friend class Receiving;

  Chooser& chooser_;
  std::deque<Port> ports_;
  std::deque<PortSet> sets_;
  std::deque<Space> spaces_;
  std::deque<Message> doomed_;
  bool reaping_ = false;
  uint32_t call_ = 0;    // which call this is
  bool reaped_ = false;  // it has destroyed a message
};

}  // namespace portolan::model
