// SPDX-License-Identifier: Apache-2.0
#include "inspect/namespaces.hpp"

#include <stdio.h>

#include <algorithm>

#include "ipc/objects.hpp"
#include "task/reaper.hpp"

namespace portolan::inspect {

namespace {

template <class T>
const T* element(const Segment& segment, uint32_t index) {
  if (!segment.plausible(ZoneOf<T>::id, index)) return nullptr;
  const T& found = segment.at(Handle<T>{index});
  return found.allocated() ? &found : nullptr;
}

template <size_t N>
std::string text_of(const char (&field)[N]) {
  return std::string(field, std::find(field, field + N, '\0'));
}

const ipc::Task* task_of(const Segment& segment, uint32_t pid) {
  const ipc::Task* latest = nullptr;
  for (uint32_t i = 1; pid != 0 && i < segment.carved(ipc::kZoneTask); i++) {
    const auto* task = element<ipc::Task>(segment, i);
    if (task == nullptr || task->state != ipc::kTaskLive || task->credentials.pid != pid) continue;
    if (latest == nullptr || task->joined_ns > latest->joined_ns) latest = task;
  }
  return latest;
}

char state_of(const Segment& segment, const ipc::Service& service, const ipc::Job* job) {
  const auto* port = element<ipc::Port>(segment, service.port);
  const bool idle = (service.flags & ipc::kServiceDeclared) != 0 && port != nullptr &&
                    port->is(ipc::kPortAtHome);
  if (!idle) return 'A';
  return job != nullptr && (job->flags & ipc::kJobKeepAlive) != 0 ? 'I' : 'D';
}

std::string owner_of(const Segment& segment, const ipc::Service& service, const ipc::Job* job) {
  if (job != nullptr) return text_of(job->label);
  const ipc::Task* task = task_of(segment, service.owner_pid);
  if (task == nullptr) return "0x0.anonymous.?";
  std::string program = text_of(task->program);
  program.erase(0, program.rfind('/') + 1);
  char pointer[24];
  snprintf(pointer, sizeof pointer, "0x%x", task->credentials.pid_version.get());
  return std::string(pointer) + ".anonymous." + program.substr(0, 15);
}

}  // namespace

Namespaces::Namespaces(const Segment& segment) : segment_(segment) {
  for (uint32_t i = 1; i < segment.carved(ipc::kZoneSubset); i++) {
    const auto* subset = element<ipc::Subset>(segment, i);
    if (subset == nullptr) continue;
    Namespace& found = all_.emplace_back();
    found.index = i;
    found.parent = subset->parent;
    found.name = text_of(subset->name);
  }
  for (Namespace& one : all_) {
    const auto* subset = element<ipc::Subset>(segment, one.index);
    uint32_t child = subset == nullptr ? 0 : subset->children.get();
    for (size_t steps = 0; child != 0 && steps < all_.size(); steps++) {
      const Namespace* known = at(child);
      if (known == nullptr) break;
      one.children.push_back(static_cast<uint32_t>(known - all_.data()));
      const auto* next = element<ipc::Subset>(segment, child);
      child = next == nullptr ? 0 : next->sibling.get();
    }
  }
  read_services();
}

void Namespaces::read_services() {
  for (uint32_t i = 1; i < segment_.carved(ipc::kZoneService); i++) {
    const auto* service = element<ipc::Service>(segment_, i);
    if (service == nullptr || (service->flags & ipc::kServicePerPid) != 0) continue;
    const auto home = std::find_if(all_.begin(), all_.end(),
                                   [&](const Namespace& one) { return one.index == service->subset; });
    if (home == all_.end()) continue;
    const auto* job = element<ipc::Job>(segment_, service->job);
    home->services.push_back(
        {text_of(service->name), owner_of(segment_, *service, job), state_of(segment_, *service, job)});
  }
  for (Namespace& one : all_)
    std::sort(one.services.begin(), one.services.end(),
              [](const ServiceRow& a, const ServiceRow& b) { return a.name < b.name; });
}

const Namespace* Namespaces::at(uint32_t index) const {
  for (const Namespace& one : all_)
    if (one.index == index && index != 0) return &one;
  return nullptr;
}

const Namespace* Namespaces::root() const { return at(segment_.header().roots[ipc::kRootBootstrap]); }
const Namespace* Namespaces::parent_of(const Namespace& child) const { return at(child.parent); }
bool Namespaces::is_task(uint32_t pid) const { return task_of(segment_, pid) != nullptr; }

const Namespace* Namespaces::of_pid(uint32_t pid) const {
  constexpr int kBootstrap = 4;
  const ipc::Task* task = task_of(segment_, pid);
  const auto* port = task == nullptr ? nullptr : element<ipc::Port>(segment_, task->special[kBootstrap]);
  if (port == nullptr || port->kobject_type != ipc::kKobjectBootstrap || !port->active()) return nullptr;
  return at(port->kobject);
}

const Namespace* Namespaces::of_process(uint32_t pid) const {
  uint64_t start = 0;
  for (uint32_t parent = 0; pid > 1 && !is_task(pid); pid = parent)
    if (!process_times(pid, parent, start)) return root();
  return pid > 1 ? of_pid(pid) : root();
}

}  // namespace portolan::inspect
