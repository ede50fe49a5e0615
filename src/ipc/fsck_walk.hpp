// SPDX-License-Identifier: Apache-2.0
// The walk behind fsck: what was found so far, and the checks, one group a file. Not for anybody else.
#pragma once

#include <string>
#include <vector>

#include "ipc/fsck.hpp"

namespace portolan::ipc {

// Where a reference was found, told only when a sum is wrong.
struct Holder {
  enum Kind : uint8_t {
    kEntry,
    kMessage,
    kKept,
    kRequest,
    kKernel,
    kSpecial,
    kHand,
    kWork,
    kNamespace,
    kTransit,
    kAction
  } kind;
  uint32_t owner = 0;  // Space, Kmsg, Port, Task, slot …
  uint32_t name = 0;
};

struct PortSums {
  uint32_t refs = 0, srights = 0, sorights = 0;
  uint32_t receives =
      0;  // holders of the receive right, the kernel and the work list of a dying port among them
  uint32_t travelling = 0;  // of these, in messages, limbo or hands
  uint32_t promised = 0;    // slots of its queue granted to senders
  uint32_t last_space = 0;  // that was seen to have a name for it
  bool settles = false;     // somebody holds it to tell its sets
};

class Walk {
 public:
  Walk(const Segment& segment, Report& report);
  void run();
  // For a second walk: collects in words who holds this port.
  uint32_t explained = 0;
  std::string holders;

 private:
  // -- elements (fsck.cpp)
  bool exists(unsigned zone, uint32_t index) const {
    return index != 0 && index < carved_[zone] && segment_.element(zone, index).allocated();
  }
  template <class T>
  const T& at(uint32_t index) const {
    return segment_.at(Handle<T>{index});
  }
  template <class T>
  bool exists(uint32_t index) const {
    return exists(ZoneOf<T>::id, index);
  }
  // Marks an element as found by its one owner; false, and reported as `id`, if it is not there or was found
  // before.
  bool reach(unsigned zone, uint32_t index, const char* id, const char* from, uint32_t owner);
  template <class T>
  bool reach(uint32_t index, const char* id, const char* from, uint32_t owner) {
    return reach(ZoneOf<T>::id, index, id, from, owner);
  }
  bool reached(unsigned zone, uint32_t index) const { return reached_[zone][index] != 0; }
  void check_reached();
  std::string port_text(uint32_t port) const;
  void tell(uint32_t port, const Holder& holder, const char* what);

  // -- sums: one more of each kind; a port that does not exist is reported
  PortSums* sums(uint32_t port, const Holder& holder);
  void add_reference(uint32_t port, const Holder& holder, const char* what = "a reference");
  void add_send(uint32_t port, const Holder& holder);
  void add_send_once(uint32_t port, const Holder& holder);
  void add_receive(uint32_t port, const Holder& holder);
  void add_kernel(uint32_t port, const Holder& holder);  // the kernel's receive right of a kernel object
  void add_right(uint32_t port, uint32_t disposition, const Holder& holder);
  void add_pset(uint32_t pset, const Holder& holder);
  void compare_sums();

  // -- holders (fsck_holders.cpp)
  void walk_roots();
  void walk_actions(uint32_t actions, const char* from, uint32_t owner);
  void walk_tasks();
  void walk_slots();
  void walk_frame(uint32_t slot, uint32_t id);
  void walk_hold(uint32_t slot, const Hold& hold);
  void walk_work(uint32_t slot);
  void walk_namespaces();
  void walk_tree(uint32_t subset, uint32_t bucket, uint32_t root, uint32_t& services);
  void walk_service(uint32_t service, uint32_t subset);
  void walk_port_chains();
  void walk_chains();
  void walk_chain(uint32_t head, const char* whose, uint32_t job, uint32_t row);
  void walk_sites();

  // -- spaces (fsck_spaces.cpp)
  void walk_spaces();
  void walk_entry(uint32_t space, uint32_t index);
  void check_free_entries(uint32_t space);
  void check_hash(uint32_t space);
  const Entry& entry(uint32_t space, uint32_t index) const;

  // -- watches (fsck_watches.cpp)
  void walk_watches();
  void walk_watches_of(uint32_t space);
  void check_watch(uint32_t watch);

  // -- messages (fsck_messages.cpp)
  void walk_message(uint32_t kmsg, const char* from, uint32_t owner);
  void walk_kept(uint32_t kmsg, uint32_t kind, uint32_t port, const char* id);
  void walk_body(uint32_t kmsg);
  uint32_t walk_chain(uint32_t head, uint32_t kmsg, std::vector<const Data*>& chunks);

  // -- ports and sets (fsck_ports.cpp)
  void walk_ports();
  void walk_semaphore(uint32_t index);
  void walk_fileport(uint32_t index);
  void walk_queue(uint32_t port);
  void walk_requests(uint32_t port);
  void walk_links(uint32_t port);
  void walk_waiters(uint32_t head, uint32_t tail, uint32_t state, uint32_t object);
  void check_life(uint32_t port);
  void check_requests();
  void check_transit();
  void walk_psets();
  void check_frames();

  const Segment& segment_;
  Report& report_;
  uint32_t carved_[kMaxZones] = {};
  uint32_t slots_ = 0;
  std::vector<uint8_t> reached_[kMaxZones];
  std::vector<PortSums> ports_;
  std::vector<uint32_t> psets_;         // references
  std::vector<uint32_t> pset_port_;     // the port whose links are walked, to see it twice
  std::vector<uint8_t> request_named_;  // 1: by an entry; 2: listed on its port, too
  std::vector<uint8_t> link_in_set_;
  std::vector<uint8_t> frame_listed_;
  std::vector<uint8_t> service_chained_, service_ported_;  // by its owner, by its port
  std::vector<uint32_t> task_threads_;
  std::vector<uint32_t> task_semaphores_;
};

}  // namespace portolan::ipc
