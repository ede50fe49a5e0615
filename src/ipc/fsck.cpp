// SPDX-License-Identifier: Apache-2.0
// The table of invariants, the order of the walk, and the sums at its end.
#include "ipc/fsck.hpp"

#include <stdlib.h>

#include <algorithm>

#include "ipc/fsck_walk.hpp"

namespace portolan::ipc {

namespace {

constexpr Invariant kInvariants[] = {
    {"N1", "a used entry has a legal combination of rights, and user references in range"},
    {"N2", "a free entry is on its space's free list, or was never used and can still be handed out"},
    {"N3", "an entry's object is a live element"},
    {"A1", "`used` and `sends` count their entries, and the reverse hash finds exactly the pure send rights"},
    {"A2", "the free list leads through all entries that were used and freed, both ways"},
    {"A3", "a space has one name at the most for the send and receive rights of a port"},
    {"A4", "a space belongs to one task, or is being taken down"},
    {"P1", "`refs` equals the holders"},
    {"P3", "`srights` equals the naked send rights"},
    {"P4", "`sorights` equals the send-once rights"},
    {"P5", "`msgcount` is the queue's length plus the promised slots"},
    {"P6", "the receive right of a port that is not dead is in exactly one place, and the port knows where"},
    {"P7", "a dead port has no queue, no waiters, no links, no requests"},
    {"P8", "the queue, its limit and its state are in range and lead to messages for this port"},
    {"P9", "no sender waits where there is room"},
    {"Q1",
     "every member has exactly one link to the set, listed on both sides; ready members are on the ring"},
    {"Q2", "a member with messages is ready, or somebody is about to make it so"},
    {"Q3", "`refs` of a set equals its holders"},
    {"R1",
     "a request is on its port's list exactly until it fires, and named by its entry unless it is an orphan"},
    {"R2", "a port's armed requests are the first on its list"},
    {"M1", "a message is in exactly one queue, grant, work list or hand"},
    {"M2", "a message carries what its edges say, and its data hang on it alone"},
    {"S2", "an object in hand is named by exactly one hold, and exists"},
    {"S3", "a frame that waits is on exactly one list, that of the object it names"},
    {"T1", "a task's ports and space exist; its special and registered ports count one send right each"},
    {"T2", "a task does not count more threads than name it"},
    {"T3", "an array of exception actions has one owner, and each action counts one send right"},
    {"X1", "a receive right in transit knows where it goes, and does not travel in a circle"},
    {"B1", "a namespace counts its services, each on the way of its hash, no name twice"},
    {"B2", "a service is in its owner's chain, and known to its port if that is an ordinary one"},
    {"B3", "every namespace but the root is in its parent's list, or is being taken down"},
    {"J1", "a job lives or is being removed"},
    {"J2", "a job's own services are in its chain, and its namespace exists"},
    {"W1", "a watch and its object name each other, or it has lost its object and names none"},
    {"W2", "every watch is in its space's chain; those that have fired, and no others, on its ring"},
    {"W3", "nothing is queued where a watch is armed"},
    {"F1", "somebody has a send right to every file port that is not dying"},
    {"E3", "every allocated element can be reached"},
};

constexpr const char* zone_name(unsigned zone) {
  constexpr const char* kNames[] = {
      "element", "task",    "space",           "port", "port set",    "link",   "message",
      "data",    "service", "namespace",       "site", "acquisition", "module", "request",
      "job",     "watch",   "array of actions"};
  return zone < std::size(kNames) ? kNames[zone] : kNames[0];
}

// Which invariant says that elements of this zone belong somewhere.
constexpr const char* zone_id(unsigned zone) {
  switch (zone) {
    case kZoneTask:
      return "T1";
    case kZoneSpace:
      return "A4";
    case kZoneLink:
      return "Q1";
    case kZoneKmsg:
      return "M1";
    case kZoneData:
      return "M2";
    case kZoneService:
      return "B1";
    case kZoneSubset:
      return "B3";
    case kZoneRequest:
      return "R1";
    case kZoneJob:
      return "J1";
    case kZoneWatch:
      return "W2";
    case kZoneActions:
      return "T3";
    default:
      return "E3";
  }
}

}  // namespace

Walk::Walk(const Segment& segment, Report& report) : segment_(segment), report_(report) {
  const Header& header = segment.header();
  slots_ = std::min(header.threads_high.load(), header.max_threads);
  for (unsigned zone = 0; zone < kMaxZones; zone++) {
    if (header.zones[zone].element_size == 0) continue;
    carved_[zone] = std::min<uint32_t>(header.zones[zone].carved, header.zones[zone].capacity);
    reached_[zone].assign(carved_[zone], 0);
  }
  ports_.resize(carved_[kZonePort]);
  psets_.assign(carved_[kZonePset], 0);
  pset_port_.assign(carved_[kZonePset], 0);
  request_named_.assign(carved_[kZoneRequest], 0);
  link_in_set_.assign(carved_[kZoneLink], 0);
  frame_listed_.assign(size_t{slots_} * kFrames, 0);
  task_threads_.assign(carved_[kZoneTask], 0);
  task_semaphores_.assign(carved_[kZoneTask], 0);
}

void Walk::run() {
  walk_roots();
  walk_slots();
  walk_tasks();
  walk_spaces();
  walk_namespaces();
  walk_sites();
  walk_psets();
  walk_watches();
  walk_ports();
  check_requests();
  check_frames();
  check_transit();
  compare_sums();
  check_reached();
}

bool Walk::reach(unsigned zone, uint32_t index, const char* id, const char* from, uint32_t owner) {
  if (!exists(zone, index)) {
    report_.add(id, from, " ", owner, " leads to ", zone_name(zone), " ", index, ", which does not exist");
    return false;
  }
  if (reached_[zone][index]++ != 0) {
    reached_[zone][index] = 2;
    report_.add(id, zone_name(zone), " ", index, " is in two places, the second being ", from, " ", owner);
    return false;
  }
  return true;
}

// What nothing leads to is lost: nobody will ever free it. Ports and sets are counted instead.
void Walk::check_reached() {
  for (unsigned zone = 0; zone < kMaxZones; zone++) {
    if (zone == kZonePort || zone == kZonePset) continue;
    for (uint32_t i = 1; i < carved_[zone]; i++)
      if (exists(zone, i) && !reached(zone, i))
        report_.add(zone_id(zone), zone_name(zone), " ", i, " is allocated, and nothing leads to it");
  }
}

std::string Walk::port_text(uint32_t port) const {
  if (port == 0 || port >= carved_[kZonePort]) return "port " + std::to_string(port);
  return "p" + std::to_string(at<Port>(port).identity.get());
}

void Walk::tell(uint32_t port, const Holder& holder, const char* what) {
  if (port != explained) return;
  auto hex = [](uint32_t value) {
    std::string digits;
    do digits.insert(digits.begin(), "0123456789abcdef"[value & 15]);
    while ((value >>= 4) != 0);
    return "0x" + digits;
  };
  auto pid = [&](uint32_t task) {
    return std::to_string(exists<Task>(task) ? at<Task>(task).credentials.pid.get() : 0);
  };
  std::string text;
  switch (holder.kind) {
    case Holder::kEntry:
      text = pid(at<Space>(holder.owner).task) + ":" + hex(holder.name);
      break;
    case Holder::kMessage: {
      const uint32_t to = at<Kmsg>(holder.owner).remote;
      text =
          to != kRightNull && to != kRightDead ? "a message to " + port_text(to) : std::string("a message");
      break;
    }
    case Holder::kKept:
      text = "a notification kept by " + port_text(holder.owner);
      break;
    case Holder::kRequest:
      text = "a request about " + port_text(holder.owner);
      break;
    case Holder::kKernel:
      text = "the kernel object";
      break;
    case Holder::kSpecial:
      text = "a special port of " + pid(holder.owner);
      break;
    case Holder::kHand:
      text = "in the hand of thread slot " + std::to_string(holder.owner);
      break;
    case Holder::kWork:
      text = "on the work list of thread slot " + std::to_string(holder.owner);
      break;
    case Holder::kNamespace:
      text = "the namespace";
      break;
    case Holder::kTransit:
      text = port_text(holder.owner) + " on its way there";
      break;
    case Holder::kAction:
      text = "an exception action in array " + std::to_string(holder.owner);
      break;
  }
  holders += (holders.empty() ? "" : ", ") + text + " (" + what + ")";
}

PortSums* Walk::sums(uint32_t port, const Holder& holder) {
  if (!exists<Port>(port)) {
    static constexpr const char* kIds[] = {"N3", "M2", "R1", "R1", "P6", "T1", "S2", "S4", "B1", "X1", "T3"};
    static constexpr const char* kNames[] = {
        "space",       "message",     "port",      "port", "kernel object",   "task",
        "thread slot", "thread slot", "namespace", "port", "array of actions"};
    report_.add(kIds[holder.kind], kNames[holder.kind], " ", holder.owner, " has a right to port ", port,
                ", which does not exist");
    return nullptr;
  }
  return &ports_[port];
}

void Walk::add_reference(uint32_t port, const Holder& holder, const char* what) {
  PortSums* sum = sums(port, holder);
  if (sum == nullptr) return;
  sum->refs++;
  if (explained != 0) tell(port, holder, what);
}

void Walk::add_send(uint32_t port, const Holder& holder) {
  add_reference(port, holder, "send");
  if (exists<Port>(port)) ports_[port].srights++;
}

void Walk::add_send_once(uint32_t port, const Holder& holder) {
  add_reference(port, holder, "send-once");
  if (exists<Port>(port)) ports_[port].sorights++;
}

void Walk::add_receive(uint32_t port, const Holder& holder) {
  add_reference(port, holder, "receive");
  if (!exists<Port>(port)) return;
  ports_[port].receives++;
  if (holder.kind == Holder::kMessage || holder.kind == Holder::kHand) ports_[port].travelling++;
}

void Walk::add_kernel(uint32_t port, const Holder& holder) {
  add_receive(port, holder);
  if (exists<Port>(port) && at<Port>(port).kobject_type == 0)
    report_.add("P6", port_text(port), " stands for a kernel object, but has no type");
}

void Walk::add_right(uint32_t port, uint32_t disposition, const Holder& holder) {
  if (port == kRightNull || port == kRightDead) return;
  switch (disposition) {
    case MACH_MSG_TYPE_PORT_SEND:
      add_send(port, holder);
      break;
    case MACH_MSG_TYPE_PORT_SEND_ONCE:
      add_send_once(port, holder);
      break;
    case MACH_MSG_TYPE_PORT_RECEIVE:
      add_receive(port, holder);
      break;
    default:
      report_.add("M2", "message ", holder.owner, " carries a right of unknown kind ", disposition);
      break;
  }
}

void Walk::add_pset(uint32_t pset, const Holder& holder) {
  if (exists<Pset>(pset))
    psets_[pset]++;
  else
    report_.add(holder.kind == Holder::kEntry ? "N3" : "S2", "port set ", pset,
                " is referred to, but does not exist");
}

void Walk::compare_sums() {
  for (uint32_t i = 1; i < carved_[kZonePort]; i++) {
    if (!exists<Port>(i)) continue;
    const Port& port = at<Port>(i);
    const PortSums& sum = ports_[i];
    if (port.refs != sum.refs || sum.refs == 0)
      report_.add("P1", port_text(i), ": references ", port.refs.get(), ", holders ", sum.refs);
    if (port.srights != sum.srights)
      report_.add("P3", port_text(i), ": send rights ", port.srights.get(), ", holders ", sum.srights);
    if (port.sorights != sum.sorights)
      report_.add("P4", port_text(i), ": send-once rights ", port.sorights.get(), ", holders ", sum.sorights);
    check_life(i);
  }
  for (uint32_t i = 1; i < carved_[kZonePset]; i++)
    if (exists<Pset>(i) && (at<Pset>(i).refs != psets_[i] || psets_[i] == 0))
      report_.add("Q3", "port set ", i, ": references ", at<Pset>(i).refs.get(), ", holders ", psets_[i]);
}

namespace {

// Adds who holds it to each wrong sum, by another walk.
void explain(const Segment& segment, Report& report) {
  unsigned told = 0;
  for (Report::Broken& one : report.broken) {
    const std::string id = one.id;
    if ((id != "P1" && id != "P3" && id != "P4") || told++ == 8) continue;
    const uint64_t identity = one.text[0] == 'p' ? strtoull(one.text.c_str() + 1, nullptr, 10) : 0;
    const uint32_t end = std::min<uint32_t>(segment.zone(kZonePort).carved, segment.zone(kZonePort).capacity);
    for (uint32_t i = 1; i < end; i++) {
      const Port& port = segment.at(Handle<Port>{i});
      if (!port.allocated() || port.identity != identity) continue;
      Report unused;
      Walk walk(segment, unused);
      walk.explained = i;
      walk.run();
      if (!walk.holders.empty()) one.text += ": " + walk.holders;
      break;
    }
  }
}

}  // namespace

Report fsck(const Segment& segment, const FsckOptions& options) {
  Report report;
  if (!fsck_segment(segment, options, report)) return report;
  const size_t before = report.broken.size();
  Walk(segment, report).run();
  if (report.broken.size() != before) explain(segment, report);
  return report;
}

std::span<const Invariant> kernel_invariants() { return kInvariants; }

}  // namespace portolan::ipc
