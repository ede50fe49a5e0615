// SPDX-License-Identifier: Apache-2.0
// What both threads of a process can do: calls that are watched and whose codes are checked, messages that
// are entered in the ledger, and the way to the next place of the ring. Each kind of traffic has a file of
// its own, with both its ends.
#pragma once

#include <initializer_list>
#include <random>

#include "storm/packets.hpp"
#include "storm/self.hpp"

namespace portolan::storm {

class Actor {
 public:
  Actor(Self& self, unsigned thread);
  virtual ~Actor() = default;
  Actor(const Actor&) = delete;
  Actor& operator=(const Actor&) = delete;

 protected:
  enum class Sending {
    sent,
    dead,    // the next one is gone, and the message's rights are where they were
    no_room  // they came back, and were destroyed
  };
  // This thread's way to the next place.
  struct Link {
    uint32_t life = 0;  // 0: none
    mach_port_t right = MACH_PORT_NULL;
    uint32_t counter = 0;
  };

  // -- codes, numbers, chance
  bool expect(kern_return_t code, const char* call, std::initializer_list<kern_return_t> allowed = {});
  unsigned pick(unsigned below) { return static_cast<unsigned>(random_() % below); }
  void count(Traffic traffic, uint64_t n = 1) { self_.ledger.traffic[static_cast<unsigned>(traffic)] += n; }
  bool ending() const { return self_.ledger.stage != kRunning; }
  // Nothing comes round to where it began.
  unsigned hops();

  // -- the ledger
  void number(Note& note);
  void announce(Note& note, uint32_t to);
  void settle(const Note& note, bool sent);
  void received(const Note& note);
  // `kind` of the ledger's sums goes up by `n`; the message is kept for whoever looks into it.
  void strange(std::atomic<uint64_t>& kind, const char* what, const Note& note, uint64_t n = 1);

  // -- messages; a client may wait for room for good, for servers never do
  static constexpr mach_msg_timeout_t kForGood = UINT32_MAX;
  Sending send_next(mach_msg_header_t& header, Note& note, size_t size, mach_msg_timeout_t patience);
  mach_msg_return_t receive(Buffer& buffer, mach_port_t from, mach_msg_option_t option,
                            mach_msg_timeout_t patience, const char* what);
  // What is owed and must come, however long that takes. False: it did not, which is noted.
  bool await(Buffer& buffer, mach_port_t port, mach_msg_id_t id, const char* what);

  // -- names
  mach_port_t allocate(mach_port_right_t right = MACH_PORT_RIGHT_RECEIVE);
  void destroy(mach_port_t name);
  void deallocate(mach_port_t name);
  void make_send(mach_port_t name);
  void ask(mach_port_t name, mach_msg_id_t id, mach_port_mscount_t sync, mach_port_t notify);

  // -- the next one (services.cpp)
  bool find_next();
  void drop_link();
  virtual void linked() {}
  virtual void unlinking() {}

  // -- boxes: ports with messages in them, which travel (boxes.cpp)
  uint32_t fill_box(mach_port_t box, uint32_t in, unsigned messages);
  uint32_t empty_box(mach_port_t box, uint32_t in, uint32_t out);
  void send_box(mach_port_t box, uint32_t in, uint32_t out, uint32_t hops);

  Self& self_;
  Calls& calls_;
  const unsigned thread_;
  std::mt19937_64 random_;
  Link link_;
};

}  // namespace portolan::storm
