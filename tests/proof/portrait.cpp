// SPDX-License-Identifier: Apache-2.0
#include "proof/portrait.hpp"

#include <stdarg.h>
#include <stdio.h>

#include <map>
#include <sstream>
#include <utility>
#include <vector>

#include "ipc/kmsg.hpp"
#include "ipc/objects.hpp"
#include "ipc/space.hpp"

namespace portolan::proof {

namespace {

using ipc::Actions;
using ipc::Data;
using ipc::Entry;
using ipc::Job;
using ipc::Kmsg;
using ipc::Link;
using ipc::Port;
using ipc::Pset;
using ipc::Request;
using ipc::Service;
using ipc::Space;
using ipc::Subset;
using ipc::Task;
using ipc::Watch;

constexpr unsigned kMost = 10000;  // no list of a proof's segment is so long

class Painter {
 public:
  explicit Painter(const Segment& segment) : segment_(segment) {}

  std::string paint() {
    for (uint32_t root : {ipc::kRootHostPort, ipc::kRootHostPrivPort})
      say("root %u: %s\n", root, port(header().roots[root]));
    if (header().roots[ipc::kRootBootstrap] != 0)
      say("namespace root: %s\n", thing('N', ipc::kZoneSubset, header().roots[ipc::kRootBootstrap]));
    if (header().roots[ipc::kRootOwners] != 0) count_only(ipc::kZoneData, header().roots[ipc::kRootOwners]);
    say("host actions: %s\n", actions(header().roots[ipc::kRootHostActions]));
    each<Task>([&](Handle<Task> handle) { paint_task(handle); });
    each<Job>([&](Handle<Job> handle) { thing('J', ipc::kZoneJob, handle.index); });
    for (uint32_t i = 1; i < header().threads_high.load(); i++) paint_slot(i);
    while (done_ < met_.size()) paint_met(met_[done_++]);
    lost<Space>("space");
    lost<Port>("port");
    lost<Pset>("set");
    lost<Kmsg>("message");
    lost<Request>("request");
    lost<Data>("data");
    lost<Service>("service");
    lost<Subset>("namespace");
    lost<Link>("membership");
    lost<Watch>("watch");
    lost<Actions>("actions");
    return std::move(text_);
  }

 private:
  struct Met {
    char letter;
    unsigned zone;
    uint32_t index;
  };

  Header& header() const { return segment_.header(); }

  __attribute__((format(printf, 2, 3))) void say(const char* format, ...) {
    char line[512];
    va_list list;
    va_start(list, format);
    vsnprintf(line, sizeof line, format, list);
    va_end(list);
    text_ += line;
  }

  template <class T, class Each>
  void each(Each&& what) {
    for (uint32_t i = 1; i < segment_.zone(ZoneOf<T>::id).carved; i++)
      if (segment_.element(ZoneOf<T>::id, i).allocated()) what(Handle<T>{i});
  }

  template <class T>
  void lost(const char* what) {
    unsigned n = 0;
    each<T>([&](Handle<T> handle) { n += numbers_.count({ZoneOf<T>::id, handle.index}) == 0; });
    if (n != 0) say("LOST: %u of the kind %s\n", n, what);
  }

  // A name for an element, given when it is first met. Lives until the line is said.
  const char* thing(char letter, unsigned zone, uint32_t index) {
    if (index == 0) return "-";
    if (index == ipc::kRightDead) return "dead";
    std::string& slot = names_[next_name_++ % std::size(names_)];
    if (!segment_.plausible(zone, index) || !segment_.element(zone, index).allocated()) {
      slot = std::string("?") + letter;
      return slot.c_str();
    }
    auto [at, fresh] = numbers_.try_emplace({zone, index}, counts_[zone]);
    if (fresh) {
      counts_[zone]++;
      met_.push_back({letter, zone, index});
    }
    slot = letter + std::to_string(at->second);
    return slot.c_str();
  }
  const char* port(uint32_t index) { return thing('P', ipc::kZonePort, index); }
  const char* space(uint32_t index) { return thing('S', ipc::kZoneSpace, index); }
  const char* actions(uint32_t index) { return thing('A', ipc::kZoneActions, index); }
  const char* message(uint32_t index) { return thing('M', ipc::kZoneKmsg, index); }
  void count_only(unsigned zone, uint32_t index) { numbers_.try_emplace({zone, index}, 0); }

  void paint_task(Handle<Task> handle) {
    const Task& task = segment_.at(handle);
    say("task %u: state %u threads %u flags %x space %s control %s name %s\n", handle.index, task.state.get(),
        task.threads.get(), task.flags.get(), space(task.space), port(task.port), port(task.name_port));
    for (const auto& held : task.special)
      if (held != 0) say("  special %s\n", port(held));
    for (const auto& held : task.registered)
      if (held != 0) say("  registered %s\n", port(held));
    if (task.actions != 0) say("  actions %s\n", actions(task.actions));
  }

  void paint_slot(uint32_t index) {
    const ThreadSlot& slot = segment_.slot(index);
    if (slot.state.load() == kSlotFree) return;
    // Who has no task is launchd, or one like it: which one does not matter.
    if (slot.task != 0 || segment_.is_dead(index))
      say("thread %u: %s task %u own port %s\n", index, segment_.is_dead(index) ? "dead" : "alive",
          slot.task.get(), port(slot.kernel_port));
    if (slot.actions != 0) say("  actions %s\n", actions(slot.actions));
    for (const Frame& frame : slot.frames) {
      for (const Hold& hold : frame.holds) {
        if (hold.kind == 0) continue;
        say("  in hand: kind %u %s\n", hold.kind.get(),
            hold.kind == ipc::kHoldKmsg ? message(hold.object) : port(hold.object));
      }
      if (frame.state != ipc::kWaitNone) paint_wait(frame);
    }
    for (uint32_t i = 0; i < slot.owed_count; i++)
      say("  owes a wake to thread %u\n", static_cast<uint32_t>(slot.owed[i]) / kFrames);
    for (uint32_t item = slot.work_head, i = 0; item != 0 && i < kMost; i++) {
      say("  work: %s\n", thing('W', work_zone(item), work_index(item)));
      item = segment_.element(work_zone(item), work_index(item)).work;
    }
  }

  void paint_wait(const Frame& frame) {
    const uint32_t state = frame.state;
    if (state == ipc::kWaitPort || state == ipc::kWaitSend)
      say("  waits %u on %s\n", state, port(frame.object));
    else if (state == ipc::kWaitPset)
      say("  waits on set %s\n", thing('R', ipc::kZonePset, frame.object));
    else
      say("  was granted %u: %s result %d%s\n", state,
          state == ipc::kGrantMessage ? message(frame.grant) : "-", frame.result.get(),
          frame.wake.load() == frame.epoch ? "" : " NOT WOKEN");
  }

  void paint_met(const Met& met) {
    say("%c%u: ", met.letter, numbers_[{met.zone, met.index}]);
    switch (met.zone) {
      case ipc::kZoneSpace:
        paint_space(Handle<Space>{met.index});
        break;
      case ipc::kZonePort:
        paint_port(segment_.at(Handle<Port>{met.index}));
        break;
      case ipc::kZonePset:
        paint_set(segment_.at(Handle<Pset>{met.index}));
        break;
      case ipc::kZoneKmsg:
        paint_message(segment_.at(Handle<Kmsg>{met.index}));
        break;
      case ipc::kZoneRequest:
        paint_request(segment_.at(Handle<Request>{met.index}));
        break;
      case ipc::kZoneJob:
        paint_job(segment_.at(Handle<Job>{met.index}));
        break;
      case ipc::kZoneSubset:
        paint_namespace(segment_.at(Handle<Subset>{met.index}));
        break;
      case ipc::kZoneActions:
        paint_actions(segment_.at(Handle<Actions>{met.index}));
        break;
      case ipc::kZoneData:
        say("data %s\n", data(met.index).c_str());
        break;
      default:
        say("element of zone %u\n", met.zone);
        break;
    }
  }

  void paint_space(Handle<Space> handle) {
    const Space& it = segment_.at(handle);
    say("space of task %u: state %u size %u used %u sends %u\n", it.task.get(), it.state.get(),
        it.table_size.get(), it.used.get(), it.sends.get());
    for (uint32_t i = 1; i < it.table_size; i++) {
      const Entry& entry = ipc::entry_at(segment_, handle, i);
      if (entry.type() == 0) continue;
      const char* what = entry.has(ipc::kTypeDead)   ? "-"
                         : entry.has(ipc::kTypePset) ? thing('R', ipc::kZonePset, entry.object)
                                                     : port(entry.object);
      say("  %06x: type %x urefs %u %s", i << 8 | entry.generation(), entry.type(), entry.urefs.get(), what);
      say(" request %s\n", thing('Q', ipc::kZoneRequest, entry.request));
    }
    if (it.watch_port == 0) return;
    say("  watch port %s\n", port(it.watch_port));
    uint32_t walk = it.watches;
    for (unsigned i = 0; walk != 0 && i < kMost; i++, walk = segment_.at(Handle<Watch>{walk}).next)
      paint_watch(walk);
    walk = it.fired_head;
    for (unsigned i = 0; walk != 0 && i < kMost; i++, walk = segment_.at(Handle<Watch>{walk}).fired_next)
      say("  fired: %x\n", segment_.at(Handle<Watch>{walk}).name.get());
  }

  void paint_watch(uint32_t index) {
    const Watch& it = segment_.at(Handle<Watch>{index});
    count_only(ipc::kZoneWatch, index);
    say("  watches %x in state %u for %u: %s", it.name.get(), it.state.get(), it.users.get(), port(it.port));
    say(" %s\n", thing('R', ipc::kZonePset, it.pset));
  }

  void paint_port(const Port& it) {
    say("port: refs %u state %x srights %u sorights %u mscount %u seqno %u limit %u count %u name %x context "
        "%llx\n",
        it.refs.get(), it.state.get(), it.srights.get(), it.sorights.get(), it.mscount.get(), it.seqno.get(),
        it.qlimit.get(), it.msgcount.get(), it.receiver_name.get(),
        static_cast<unsigned long long>(it.context.get()));
    say("  kind %x", it.kobject_type.get());
    if (it.receiver != 0)
      say(" receiver %s", it.is(ipc::kPortInTransit) ? port(it.receiver) : space(it.receiver));
    say(" armed %u requests %u\n", it.armed.get(), it.request_count.get());
    uint32_t walk = it.queue_head;
    for (unsigned i = 0; walk != 0 && i < kMost; i++, walk = segment_.element(ipc::kZoneKmsg, walk).link)
      say("  queued %s\n", message(walk));
    paint_frames("receiver", it.receiver_head);
    paint_frames("sender", it.sender_head);
    walk = it.links;
    for (unsigned i = 0; walk != 0 && i < kMost; i++) {
      const Link& link = segment_.at(Handle<Link>{walk});
      count_only(ipc::kZoneLink, walk);
      say("  member of %s%s\n", thing('R', ipc::kZonePset, link.pset), link.ready ? ", ready" : "");
      walk = link.port_next;
    }
    walk = it.requests;
    for (unsigned i = 0; walk != 0 && i < kMost; i++, walk = segment_.at(Handle<Request>{walk}).next)
      say("  watched by %s\n", thing('Q', ipc::kZoneRequest, walk));
    if (it.no_senders != 0) say("  no senders: %s\n", message(it.no_senders));
    if (it.port_destroyed != 0) say("  port destroyed: %s\n", message(it.port_destroyed));
  }

  void paint_frames(const char* what, uint32_t walk) {
    for (unsigned i = 0; walk != 0 && i < kMost; i++, walk = segment_.frame(walk).next)
      say("  %s: thread %u frame %u\n", what, walk / kFrames, walk % kFrames);
  }

  void paint_set(const Pset& it) {
    say("set: refs %u state %x space %s name %x members %u\n", it.refs.get(), it.state.get(), space(it.space),
        it.name.get(), it.count.get());
    uint32_t walk = it.ready_head;
    for (unsigned i = 0; walk != 0 && i < kMost; i++) {
      const Link& link = segment_.at(Handle<Link>{walk});
      say("  ready %s\n", port(link.port));
      walk = link.ready_next;
    }
    paint_frames("receiver", it.receiver_head);
  }

  std::string data(uint32_t head) {
    uint64_t hash = 0xcbf29ce484222325, bytes = 0;
    for (unsigned i = 0; head != 0 && i < kMost && segment_.plausible(ipc::kZoneData, head); i++) {
      const Data& it = segment_.at(Handle<Data>{head});
      count_only(ipc::kZoneData, head);
      for (uint32_t at = 0; at < it.used && at < ipc::kDataPayload; at++)
        hash = (hash ^ it.bytes[at]) * 0x100000001b3;
      bytes += it.used;
      head = it.link;
    }
    return std::to_string(bytes) + " bytes " + std::to_string(hash);
  }

  void paint_message(const Kmsg& it) {
    if (it.kind == ipc::kKmsgReserved) {
      say("kept message\n");
      return;
    }
    if (it.kind != ipc::kKmsgMessage) {
      say("kept message %u for %s\n", it.kind.get(), port(it.local));
      return;
    }
    say("message %d: bits %x size %u flags %x", it.id.get(), it.bits.get(), it.size.get(), it.flags.get());
    say(" remote %s local %s taken %u given %u\n", port(it.remote), port(it.local), it.converted_in.get(),
        it.converted_out.get());
    if (it.body_head != 0) data(it.body_head);
    if ((it.bits & MACH_MSGH_BITS_COMPLEX) == 0) {
      if (it.body_head != 0 || it.size <= ipc::kHeaderSize) return;
      uint64_t hash = 0xcbf29ce484222325;
      for (uint32_t i = 0; i < it.size - ipc::kHeaderSize && i < ipc::kKmsgInline; i++)
        hash = (hash ^ it.inline_body[i]) * 0x100000001b3;
      say("  body %llx\n", static_cast<unsigned long long>(hash));
      return;
    }
    uint32_t offset = ipc::kBodyFirst;
    for (uint32_t i = 0; i < it.descriptors && i < it.converted_in; i++) {
      const ipc::Descriptor d = ipc::descriptor_at(segment_, it, offset);
      offset += d.length;
      if (i < it.converted_out) continue;
      if (d.type == MACH_MSG_PORT_DESCRIPTOR || d.type == MACH_MSG_GUARDED_PORT_DESCRIPTOR) {
        say("  carries %u of %s\n", d.disposition, port(d.word));
        continue;
      }
      say("  carries %u in %s\n", d.count, d.type == MACH_MSG_OOL_PORTS_DESCRIPTOR ? "an array" : "memory");
      const std::string hash = data(d.word);
      if (d.type != MACH_MSG_OOL_PORTS_DESCRIPTOR) {
        say("    %s\n", hash.c_str());
        continue;
      }
      uint32_t chunk = d.word;
      for (uint32_t n = 0; n < d.count && segment_.plausible(ipc::kZoneData, chunk); n++) {
        const uint32_t at = n * 4 % ipc::kDataPayload;
        if (n != 0 && at == 0) chunk = segment_.at(Handle<Data>{chunk}).link;
        uint32_t right;
        __builtin_memcpy(&right, segment_.at(Handle<Data>{chunk}).bytes + at, sizeof right);
        say("    %u of %s\n", d.disposition, port(right));
      }
    }
  }

  void paint_request(const Request& it) {
    say("request: state %u name %x orphan %u", it.state.get(), it.name.get(), it.orphan.get());
    if (it.live())
      say(" of %s on %s to %s kept %s", space(it.space), port(it.port), port(it.notify), message(it.kmsg));
    say("\n");
  }

  void paint_actions(const Actions& it) {
    say("actions\n");
    for (unsigned type = 0; type < ipc::kExceptionTypes; type++)
      if (it.of[type].port != 0)
        say("  type %u: %s behavior %x flavor %u\n", type, port(it.of[type].port), it.of[type].behavior.get(),
            it.of[type].flavor.get());
  }

  // Where each stands in its tree is no program's business.
  void paint_services(uint32_t index, unsigned depth) {
    if (index == 0 || depth == kMost || !segment_.plausible(ipc::kZoneService, index)) return;
    const Service& service = segment_.at(Handle<Service>{index});
    count_only(ipc::kZoneService, index);
    say("  %.100s: %s owner %u of %s flags %x\n", service.name, port(service.port), service.owner_pid.get(),
        thing('J', ipc::kZoneJob, service.job), service.flags.get());
    for (const auto& below : service.below) paint_services(below, depth + 1);
  }

  void paint_job(const Job& it) {
    say("job: state %u flags %x namespace %s pid %u status %x runs %u port %s label %.100s\n", it.state.get(),
        it.flags.get(), thing('N', ipc::kZoneSubset, it.subset), it.pid.get(), it.status.get(), it.runs.get(),
        port(it.port), it.label);
  }

  void paint_namespace(const Subset& it) {
    say("namespace: state %u port %s parent %s depth %u", it.state.get(), port(it.port),
        thing('N', ipc::kZoneSubset, it.parent), it.depth.get());
    say(" requestor %s services %u\n", port(it.requestor), it.services.get());
    for (const auto& bucket : it.buckets) paint_services(bucket, 0);
    uint32_t walk = it.children;
    for (unsigned i = 0; walk != 0 && i < kMost; i++, walk = segment_.at(Handle<Subset>{walk}).sibling)
      say("  child %s\n", thing('N', ipc::kZoneSubset, walk));
  }

  const Segment& segment_;
  std::string text_;
  std::map<std::pair<unsigned, uint32_t>, unsigned> numbers_;
  unsigned counts_[kMaxZones] = {};
  std::vector<Met> met_;
  size_t done_ = 0;
  std::string names_[8];
  size_t next_name_ = 0;
};

}  // namespace

std::string portrait(const Segment& segment) { return Painter(segment).paint(); }

std::string difference(const std::string& wanted, const std::string& found) {
  std::istringstream left(wanted), right(found);
  std::string one, other, text;
  for (unsigned said = 0; said < 6;) {
    const bool more = static_cast<bool>(std::getline(left, one)),
               more_other = static_cast<bool>(std::getline(right, other));
    if (!more && !more_other) break;
    if (!more) one.clear();
    if (!more_other) other.clear();
    if (one == other) continue;
    text += "    - " + one + "\n    + " + other + "\n";
    said++;
  }
  return text;
}

}  // namespace portolan::proof
