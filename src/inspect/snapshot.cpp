// SPDX-License-Identifier: Apache-2.0
// Reading a segment; see snapshot.hpp. No locks; every index is checked before it is followed, every chain is
// bounded. Uses nothing but the standard library, so that launchd can write corpses with it.
#include "inspect/snapshot.hpp"

#include <time.h>

#include <algorithm>
#include <unordered_set>

#include "ipc/objects.hpp"

namespace portolan::inspect {

namespace {

constexpr unsigned kRetries = 4;
constexpr uint32_t kSiteDepth = 0xff;  // of Site::depth; above it: the stack went on (traps/sites.hpp)

std::string text_of(const char* field, size_t size) {
  std::string text;
  for (size_t i = 0; i < size && field[i] != 0; i++) text += field[i];
  return text;
}

// Sites count what they gave out, if the kernel's layout has the field.
template <class Site>
uint64_t total_of(const Site& site) {
  if constexpr (requires { site.acquired.load(); })
    return site.acquired.load();
  else
    return 0;
}

// A dead port, and a dead name, may know when it died, in milliseconds of CLOCK_MONOTONIC modulo 2^32.
template <class Object>
uint32_t died_ms(const Object& object) {
  if constexpr (requires { object.died.get(); })
    return object.died.get();
  else
    return 0;
}

class Reader {
 public:
  Reader(const Segment& segment, const Wanted& wanted)
      : segment_(segment), header_(segment.header()), wanted_(wanted) {}

  Snapshot read() {
    timespec now{};
    clock_gettime(CLOCK_MONOTONIC, &now);
    out_.taken_ns = static_cast<uint64_t>(now.tv_sec) * 1'000'000'000 + static_cast<uint64_t>(now.tv_nsec);
    out_.boot = text_of(reinterpret_cast<const char*>(header_.boot_id), sizeof header_.boot_id);
    out_.flags = header_.flags.load();
    out_.layout = header_.layout_version;
    out_.lost = header_.lost.load() != 0;
    out_.quarantined = header_.quarantined.load();
    out_.recovered = header_.recovered.load();
    const uint32_t launchd = header_.launchd.load();
    if (launchd != 0 && launchd < header_.max_threads) out_.launchd_pid = segment_.slot(launchd).tid.load();
    read_threads();
    read_services();
    read_namespaces();
    read_tasks();
    count_ports();
    if (wanted_.stacks) read_stacks();
    return std::move(out_);
  }

 private:
  template <class T>
  const T* element(uint32_t index) const {
    if (!segment_.plausible(ZoneOf<T>::id, index)) return nullptr;
    return &segment_.at(Handle<T>{index});
  }
  template <class T>
  uint32_t carved() const {
    if (header_.zones[ZoneOf<T>::id].element_size == 0) return 0;
    return std::min(segment_.zone(ZoneOf<T>::id).carved.get(), segment_.zone(ZoneOf<T>::id).capacity);
  }

  // Threads, and whose port is whose: a thread's port is named by its slot, a task's by the task.
  void read_threads() {
    const uint32_t high = std::min(header_.threads_high.load(), header_.max_threads);
    for (uint32_t i = 1; i < high; i++) {
      const ThreadSlot& slot = segment_.slot(i);
      const uint32_t task = slot.task, tid = slot.tid.load(), port = slot.kernel_port;
      if (slot.state.load() != kSlotLive || task == 0 || segment_.is_dead(i)) continue;
      threads_of_[task].push_back(tid);
      if (port != 0) thread_ports_[port] = {task, tid};
    }
    for (uint32_t i = 1; i < carved<ipc::Actions>(); i++) {
      const auto* actions = element<ipc::Actions>(i);
      if (actions == nullptr || !actions->allocated()) continue;
      for (const auto& action : actions->of) note_kernel_send(action.port);
    }
    for (uint32_t i = 1; i < carved<ipc::Task>(); i++) {
      const auto* task = element<ipc::Task>(i);
      if (task == nullptr || !task->allocated()) continue;
      pids_[i] = task->credentials.pid;
      for (uint32_t port : {task->port.get(), task->name_port.get()})
        if (port != 0) task_ports_[port] = i;
      for (const auto& port : task->special) note_kernel_send(port);
      for (const auto& port : task->registered) note_kernel_send(port);
    }
  }

  void note_kernel_send(uint32_t port) {
    if (port != 0) kernel_sends_[port]++;
  }

  void read_services() {
    for (uint32_t i = 1; i < carved<ipc::Service>(); i++) {
      const auto* service = element<ipc::Service>(i);
      if (service == nullptr || !service->allocated()) continue;
      const uint32_t port = service->port;
      note_kernel_send(port);
      std::string name = text_of(service->name, sizeof service->name);
      std::string& known = services_[port];
      if (known.empty() || name < known) known = std::move(name);
    }
  }

  void read_namespaces() {
    for (uint32_t i = 1; i < carved<ipc::Subset>(); i++) {
      const auto* subset = element<ipc::Subset>(i);
      if (subset == nullptr || !subset->allocated()) continue;
      namespaces_.insert(subset->port);
      note_kernel_send(subset->requestor);
    }
  }

  void read_tasks() {
    for (uint32_t i = 1; i < carved<ipc::Task>(); i++) {
      const auto* task = element<ipc::Task>(i);
      if (task == nullptr || !task->allocated()) continue;
      const uint32_t state = task->state;
      if (state != ipc::kTaskLive && state != ipc::kTaskDying && i != wanted_.only_task) continue;
      TaskInfo info;
      info.index = i;
      info.pid = task->credentials.pid;
      info.uid = task->credentials.uid;
      info.program = text_of(task->program, sizeof task->program);
      info.dead = state != ipc::kTaskLive;
      const uint32_t flags = task->flags;
      info.guard = (flags & ipc::kTaskUnguarded) != 0          ? Guard::off
                   : (flags & ipc::kTaskGuardedByMapping) != 0 ? Guard::mapping
                                                               : Guard::keys;
      info.joined_ns = task->joined_ns;
      if (auto found = threads_of_.find(i); found != threads_of_.end()) info.threads = found->second;
      spaces_[task->space] = i;
      order_.push_back({i, task->space});
      out_.tasks.push_back(std::move(info));
    }
    // The wanted task first: what it shares with the others is known then.
    std::vector<size_t> order(out_.tasks.size());
    for (size_t n = 0; n < order.size(); n++) order[n] = n;
    if (wanted_.only_task != 0)
      std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) {
        return (out_.tasks[a].index == wanted_.only_task) > (out_.tasks[b].index == wanted_.only_task);
      });
    for (size_t n : order) read_space(out_.tasks[n], order_[n].second);
  }

  void read_space(TaskInfo& task, uint32_t index) {
    const auto* space = element<ipc::Space>(index);
    if (space == nullptr || !space->allocated() || space->state == ipc::kSpaceFree) return;
    task.slots = space->table_size;
    task.limit = space->table_limit;
    task.peak = space->peak;
    const uint64_t room = header_.arena_size / sizeof(ipc::Entry);
    const auto backed = std::min<uint32_t>(space->backed, space->table_size);
    const auto end = static_cast<uint32_t>(std::min<uint64_t>({backed, ipc::kTableMax, room}));
    const bool all = wanted_.only_task == 0 || task.index == wanted_.only_task;
    const auto* entries = reinterpret_cast<const ipc::Entry*>(segment_.arena(index));
    if (segment_.offset_of(entries) + uint64_t{end} * sizeof(ipc::Entry) > segment_.size()) return;
    for (uint32_t i = 1; i < end; i++) {
      if (entries[i].type() == 0) continue;
      NameInfo name;
      if (!read_entry(entries[i], i, all, name)) continue;
      if (all)
        shared_.insert(name.port);
      else if (name.port == 0 || !shared_.contains(name.port))
        continue;
      task.names.push_back(std::move(name));
    }
  }

  // False: the entry is free by now.
  bool read_entry(const ipc::Entry& entry, uint32_t index, bool with_stacks, NameInfo& name) {
    for (unsigned attempt = 0; attempt < kRetries; attempt++) {
      const uint32_t bits = entry.bits, object = entry.object;
      name = {};
      name.type = bits & ipc::kTypeMask;
      if (name.type == 0) return false;
      name.name = ipc::make_name(index, bits & 0xff).value;
      name.urefs = entry.urefs & 0xffff;
      if ((name.type & ipc::kTypeSendOnce) != 0) name.urefs = 1;
      if ((name.type & (ipc::kTypeSend | ipc::kTypeDead | ipc::kTypeSendOnce)) == 0) name.urefs = 0;
      if (const uint32_t request = entry.request; request != 0) name.requests = request_of(request);
      if ((name.type & ipc::kTypeDead) != 0) {
        name.was_kobject = object >> 24;
        name.was_pid = object & 0xffffff;
        set_death(name, died_ms(entry));
      } else if ((name.type & ipc::kTypePset) != 0) {
        name.port = read_set(object);
      } else {
        name.port = read_port(object, name);
      }
      if (wanted_.stacks && with_stacks) read_acquisitions(entry.acquired, name);
      if (entry.bits == bits && entry.object == object) break;
    }
    return true;
  }

  void set_death(NameInfo& name, uint32_t milliseconds) const {
    if (milliseconds == 0) return;
    const uint64_t now = out_.taken_ns / 1'000'000;
    const uint32_t ago = static_cast<uint32_t>(now) - milliseconds;
    if (ago <= now) name.died_ns = (now - ago) * 1'000'000;
  }

  template <class Element = ipc::Request>
  uint32_t request_of(uint32_t index) const {
    const auto* request = element<Element>(index);
    if (request == nullptr || !request->allocated()) return 0;
    switch (request->state) {
      case ipc::kRequestDeadName:
        return kDeadNameRequest;
      case ipc::kRequestArmed:
      case ipc::kRequestDelayed:
        return kSendPossibleRequest;
      default:
        return 0;
    }
  }

  // Identity of the port; a dead one turns the name into the dead name that its owner will find.
  uint64_t read_port(uint32_t index, NameInfo& name) {
    const auto* port = element<ipc::Port>(index);
    if (port == nullptr || !port->allocated()) return 0;
    const uint64_t identity = port->identity;
    if (!port->active() && (name.type & ipc::kTypeReceive) == 0) {
      name.type = ipc::kTypeDead;
      name.was_kobject = port->kobject_type;
      name.was_pid = port->receiver_name & 0xffffff;
      if (name.requests == kDeadNameRequest) name.urefs++;
      set_death(name, died_ms(*port));
      return 0;
    }
    if (out_.ports.contains(identity)) return identity;
    PortInfo info;
    for (unsigned attempt = 0; attempt < kRetries; attempt++) {
      const uint32_t generation = port->generation;
      fill_port(*port, index, info);
      if (port->generation == generation && port->identity == info.identity) break;
    }
    out_.ports.emplace(info.identity, std::move(info));
    return identity;
  }

  void fill_port(const ipc::Port& port, uint32_t index, PortInfo& info) {
    info = {};
    info.identity = port.identity;
    info.index = index;
    info.flags = port.state;
    info.active = port.active();
    info.in_transit = port.is(ipc::kPortInTransit);
    info.kobject = port.kobject_type;
    info.srights = port.srights;
    info.sorights = port.sorights;
    info.mscount = port.mscount;
    info.seqno = port.seqno;
    info.messages = port.msgcount;
    info.limit = port.qlimit;
    info.no_senders = port.no_senders != 0;
    info.port_destroyed = port.port_destroyed != 0;
    info.context = port.context;
    info.waiting = port.receiver_head != 0;
    if (namespaces_.contains(index)) info.kobject = kKobjectBootstrap;
    if (!info.in_transit) {
      if (auto found = spaces_.find(port.receiver); found != spaces_.end()) {
        info.receiver_task = found->second;
        info.receiver_name = port.receiver_name;
      }
    }
    if (auto found = thread_ports_.find(index); found != thread_ports_.end()) {
      info.kobject_pid = pids_[found->second.first];
      info.kobject_tid = found->second.second;
    } else if (auto task = task_ports_.find(index); task != task_ports_.end()) {
      info.kobject_pid = pids_[task->second];
    } else if (info.kobject == 44 || info.kobject == 45) {  // read and inspect ports: of a task by its index
      if (auto behind = pids_.find(port.kobject); behind != pids_.end()) info.kobject_pid = behind->second;
    }
    if (auto found = services_.find(index); found != services_.end()) info.service = found->second;
    if (auto found = kernel_sends_.find(index); found != kernel_sends_.end())
      info.kernel_sends = found->second;
  }

  uint64_t read_set(uint32_t index) {
    const auto* set = element<ipc::Pset>(index);
    if (set == nullptr || !set->allocated()) return 0;
    const uint64_t identity = set->identity;
    if (out_.ports.contains(identity)) return identity;
    PortInfo info;
    info.identity = identity;
    info.index = index;
    info.is_set = true;
    info.active = set->active();
    uint32_t steps = 0;
    for (uint32_t at = set->members; at != 0 && steps < carved<ipc::Link>(); steps++) {
      const auto* link = element<ipc::Link>(at);
      if (link == nullptr || !link->allocated() || link->pset != index) break;
      if (const auto* port = element<ipc::Port>(link->port)) info.members.push_back(port->identity);
      at = link->set_next;
    }
    out_.ports.emplace(identity, std::move(info));
    return identity;
  }

  void read_acquisitions(uint32_t at, NameInfo& name) {
    for (unsigned steps = 0; at != 0 && steps < 4096; steps++) {
      const auto* record = element<ipc::Acquisition>(at);
      if (record == nullptr || !record->allocated()) return;
      Acquired acquired;
      acquired.site = record->site;
      acquired.thread = record->thread;
      acquired.count = record->count;
      acquired.acquired = std::max(record->acquired.get(), acquired.count);
      acquired.message_id = record->message_id;
      acquired.sender_pid = record->sender_pid;
      acquired.when_ns = record->when_ns;
      name.acquired.push_back(acquired);
      at = record->link;
    }
  }

  void count_ports() {
    for (uint32_t i = 1; i < carved<ipc::Port>(); i++) {
      const auto* port = element<ipc::Port>(i);
      if (port == nullptr || !port->allocated()) continue;
      out_.messages += port->msgcount;
      if (port->active()) out_.ports_live++;
    }
  }

  void read_stacks() {
    std::unordered_set<uint32_t> sites, modules;
    for (const TaskInfo& task : out_.tasks)
      for (const NameInfo& name : task.names)
        for (const Acquired& acquired : name.acquired) sites.insert(acquired.site);
    for (uint32_t index : sites) {
      const auto* site = element<ipc::Site>(index);
      if (site == nullptr || !site->allocated()) continue;
      SiteInfo info;
      const uint32_t depth = site->depth;
      info.cut = (depth & ~kSiteDepth) != 0;
      info.acquired = total_of(*site);
      for (uint32_t i = 0; i < std::min<uint32_t>(depth & kSiteDepth, ipc::kSiteFrames); i++) {
        info.frames.push_back(portolan::detail::load_relaxed(site->frames[i]));
        modules.insert(static_cast<uint32_t>(info.frames.back() >> 48));
      }
      out_.sites.emplace(index, std::move(info));
    }
    for (uint32_t index : modules) {
      const auto* module = element<ipc::Module>(index);
      if (module == nullptr || !module->allocated()) continue;
      ModuleInfo info;
      info.path = text_of(module->path, sizeof module->path);
      const uint32_t length = std::min<uint32_t>(module->build_id_length, sizeof module->build_id);
      for (uint32_t i = 0; i < length; i++) {
        constexpr char kDigits[] = "0123456789abcdef";
        info.build_id += kDigits[module->build_id[i] >> 4];
        info.build_id += kDigits[module->build_id[i] & 15];
      }
      out_.modules.emplace(index, std::move(info));
    }
  }

  const Segment& segment_;
  const Header& header_;
  const Wanted wanted_;
  Snapshot out_;
  std::vector<std::pair<uint32_t, uint32_t>> order_;                          // task, space
  std::unordered_map<uint32_t, uint32_t> spaces_;                             // space -> task
  std::unordered_map<uint32_t, uint32_t> pids_;                               // task -> pid
  std::unordered_map<uint32_t, std::vector<uint32_t>> threads_of_;            // task -> tids
  std::unordered_map<uint32_t, std::pair<uint32_t, uint32_t>> thread_ports_;  // port -> task, tid
  std::unordered_map<uint32_t, uint32_t> task_ports_;                         // port -> task
  std::unordered_map<uint32_t, std::string> services_;                        // port -> name
  std::unordered_set<uint32_t> namespaces_;                                   // ports of namespaces
  std::unordered_map<uint32_t, uint32_t> kernel_sends_;                       // port -> rights
  std::unordered_set<uint64_t> shared_;                                       // ports of the wanted task
};

}  // namespace

const TaskInfo* Snapshot::task(uint32_t index) const {
  for (const TaskInfo& task : tasks)
    if (task.index == index) return &task;
  return nullptr;
}

const TaskInfo* Snapshot::task_of_pid(uint32_t pid) const {
  for (const TaskInfo& task : tasks)
    if (task.pid == pid) return &task;
  return nullptr;
}

const PortInfo* Snapshot::port(uint64_t identity) const {
  const auto found = ports.find(identity);
  return found == ports.end() ? nullptr : &found->second;
}

Snapshot snapshot(const Segment& segment, const Wanted& wanted) { return Reader(segment, wanted).read(); }

}  // namespace portolan::inspect
