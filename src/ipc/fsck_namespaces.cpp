// SPDX-License-Identifier: Apache-2.0
// fsck: namespaces, their services, and the jobs that own them.
#include <string.h>

#include <map>

#include "ipc/fsck_walk.hpp"

namespace portolan::ipc {

namespace {
constexpr uint32_t kOwnerRows = kDataPayload / sizeof(Cell<uint32_t>);  // of the table behind kRootOwners
}  // namespace

void Walk::walk_namespaces() {
  const auto& roots = segment_.header().roots;
  service_chained_.assign(carved_[kZoneService], 0);
  walk_port_chains();
  const uint32_t root = roots[kRootBootstrap];
  if (root != 0) reach<Subset>(root, "B3", "the root", 0);
  if (roots[kRootOwners] != 0) reach<Data>(roots[kRootOwners], "B2", "the root", 0);
  for (uint32_t i = 1; i < carved_[kZoneSubset]; i++) {
    if (!exists<Subset>(i)) continue;
    const Subset& subset = at<Subset>(i);
    if (subset.port != 0) add_kernel(subset.port, {Holder::kKernel});
    if (subset.requestor != 0) add_send(subset.requestor, {Holder::kNamespace, i});
    uint32_t before = 0;
    for (uint32_t child = subset.children; child != 0; child = at<Subset>(child).sibling) {
      if (!reach<Subset>(child, "B3", "the children of namespace", i)) break;
      if (at<Subset>(child).parent != i || at<Subset>(child).link != before)
        report_.add("B3", "namespace ", child, " is a child of ", i, ", but says otherwise");
      before = child;
    }
    uint32_t services = 0;
    for (uint32_t bucket = 0; bucket < kNameBuckets; bucket++)
      walk_tree(i, bucket, subset.buckets[bucket], services);
    if (services != subset.services)
      report_.add("B1", "namespace ", i, " counts ", subset.services.get(), " services, but has ", services);
  }
  walk_chains();
}

// Each service stands on the way that its hash says; two of one name would be on one way.
void Walk::walk_tree(uint32_t subset, uint32_t bucket, uint32_t root, uint32_t& services) {
  std::multimap<uint64_t, uint32_t> names;
  struct Met {
    uint32_t service;
    std::string way;  // the branches that led there
  };
  std::vector<Met> stack;
  if (root != 0) stack.push_back({root, {}});
  while (!stack.empty()) {
    const Met met = stack.back();
    stack.pop_back();
    if (!reach<Service>(met.service, "B1", "namespace", subset)) continue;
    services++;
    const Service& service = at<Service>(met.service);
    walk_service(met.service, subset);
    bool belongs = service.hash % kNameBuckets == bucket;
    for (unsigned depth = 0; depth < met.way.size(); depth++)
      belongs = belongs && service_branch(service.hash, depth) == static_cast<unsigned>(met.way[depth]);
    if (!belongs)
      report_.add("B1", "service ", met.service, " of namespace ", subset, " stands where it does not belong");
    for (auto [at_hash, end] = names.equal_range(service.hash); at_hash != end; ++at_hash) {
      const Service& other = at<Service>(at_hash->second);
      const bool both_private = (other.flags & service.flags & kServicePerPid) != 0;
      const bool one_private = ((other.flags ^ service.flags) & kServicePerPid) != 0;
      if (!one_private && (!both_private || other.owner_pid == service.owner_pid) &&
          memcmp(other.name, service.name, kServiceNameMax) == 0)
        report_.add("B1", "services ", at_hash->second, " and ", met.service, " of namespace ", subset,
                    " have one name");
    }
    names.emplace(service.hash, met.service);
    for (unsigned i = 0; i < kServiceFan; i++) {
      if (service.below[i] != 0) stack.push_back({service.below[i], met.way + static_cast<char>(i)});
    }
  }
}

void Walk::walk_service(uint32_t index, uint32_t subset) {
  const Service& service = at<Service>(index);
  const Holder holder{Holder::kNamespace, subset};
  add_send(service.port, holder);
  if (service.subset != subset)
    report_.add("B1", "service ", index, " is in namespace ", subset, ", but says otherwise");
  if (!exists<Port>(service.port)) return;
  const Port& port = at<Port>(service.port);
  if ((service.flags & kServiceDeclared) != 0 && port.is(kPortAtHome)) add_receive(service.port, holder);
  if (port.kobject_type == 0 && service_ported_[index] == 0)
    report_.add("B2", port_text(service.port), " does not know its service ", index);
}

// An ordinary port leads to all its services.
void Walk::walk_port_chains() {
  service_ported_.assign(carved_[kZoneService], 0);
  for (uint32_t i = 1; i < carved_[kZonePort]; i++) {
    if (!exists<Port>(i) || at<Port>(i).kobject_type != 0) continue;
    for (uint32_t walk = at<Port>(i).kobject; walk != 0; walk = at<Service>(walk).port_next) {
      if (!exists<Service>(walk) || service_ported_[walk]++ != 0 || at<Service>(walk).port != i) {
        report_.add("B2", port_text(i), " leads to service ", walk);
        break;
      }
    }
  }
}

// Every service is in one chain: of its job, or in the row of its owner's pid.
void Walk::walk_chains() {
  for (uint32_t i = 1; i < carved_[kZoneJob]; i++) {
    if (!exists<Job>(i)) continue;
    const Job& job = at<Job>(i);
    if (job.state != kJobLive && job.state != kJobRemoving)
      report_.add("J1", "job ", i, " is allocated in state ", job.state.get());
    else
      reach<Job>(i, "J1", "the table of jobs", i);
    if (job.port != 0) add_kernel(job.port, {Holder::kKernel});
    if (job.subset != 0 && !exists<Subset>(job.subset))
      report_.add("J2", "job ", i, " is in namespace ", job.subset.get(), ", which does not exist");
    walk_chain(job.services, "job", i, 0);
  }
  const uint32_t table = segment_.header().roots[kRootOwners];
  if (exists<Data>(table)) {
    const auto* rows = reinterpret_cast<const Cell<uint32_t>*>(at<Data>(table).bytes);
    for (uint32_t row = 0; row < kOwnerRows; row++) walk_chain(rows[row], "the owners' row", 0, row);
  }
  for (uint32_t i = 1; i < carved_[kZoneService]; i++)
    if (exists<Service>(i) && service_chained_[i] == 0)
      report_.add("B2", "service ", i, " is in no owner's chain");
}

void Walk::walk_chain(uint32_t head, const char* whose, uint32_t job, uint32_t row) {
  uint32_t before = 0;
  for (uint32_t walk = head; walk != 0; walk = at<Service>(walk).owner_next) {
    if (!exists<Service>(walk) || service_chained_[walk]++ != 0) {
      report_.add("B2", "the chain of ", whose, " ", job != 0 ? job : row, " leads to service ", walk);
      return;
    }
    const Service& service = at<Service>(walk);
    const bool belongs = job != 0 ? service.owner_pid == 0 && service.job == job
                                  : service.owner_pid != 0 && service.owner_pid % kOwnerRows == row;
    if (!belongs || service.owner_prev != before)
      report_.add(job != 0 ? "J2" : "B2", "service ", walk, " is in the chain of ", whose, " ",
                  job != 0 ? job : row, ", but says otherwise");
    before = walk;
  }
}

}  // namespace portolan::ipc
