// SPDX-License-Identifier: Apache-2.0
// The names of one namespace: in each bucket a digital search tree of services. A step down goes by the next
// three bits of the hash, and any service may stand anywhere above those that share its way. So a look-up among
// a hundred thousand names takes three or four steps more than one among a hundred, nothing is ever rehashed, and
// binding writes one cell.
#include "bootstrap/table.hpp"

namespace portolan::bootstrap {

namespace {

constexpr unsigned kDepthMax = 1 << 18;  // no way is so long: a damaged one ends here

// The cell that leads to what `is_it` says yes to, or the empty one where the way ends.
template <class IsIt>
Cell<uint32_t>* walk(Txn& txn, Locked<Subset>& subset, uint64_t hash, IsIt&& is_it) {
  Cell<uint32_t>* at = &subset->buckets[hash % ipc::kNameBuckets];
  for (unsigned depth = 0; *at != 0; depth++) {
    if (depth == kDepthMax) kernel_panic("a namespace's tree has no end");
    Service& service = txn.segment().at(Handle<Service>{*at});
    if (is_it(Handle<Service>{*at}, service)) break;
    at = &service.below[ipc::service_branch(hash, depth)];
  }
  return at;
}

// The cell that leads to some service below which nothing stands; `at` leads to one with something below.
Cell<uint32_t>* leaf_below(Txn& txn, Cell<uint32_t>* at) {
  for (unsigned depth = 0;; depth++) {
    if (depth == kDepthMax) kernel_panic("a namespace's tree has no end");
    Cell<uint32_t>* next = nullptr;
    for (Cell<uint32_t>& below : txn.segment().at(Handle<Service>{*at}).below)
      if (below != 0) next = &below;
    if (next == nullptr) return at;
    at = next;
  }
}

}  // namespace

Handle<Service> tree_find(Txn& txn, Locked<Subset>& subset, const ServiceName& name) {
  return {*walk(txn, subset, name.hash(),
                [&](Handle<Service>, const Service& service) { return name.is(service); })};
}

void tree_insert(Txn& txn, Locked<Subset>& subset, Handle<Service> handle) {
  Service& service = txn.segment().at(handle);
  for (Cell<uint32_t>& below : service.below) below.init(0);
  Cell<uint32_t>* end =
      walk(txn, subset, service.hash, [](Handle<Service>, const Service&) { return false; });
  txn.set(*end, handle.index);
  txn.add(subset->services, 1);
}

void tree_remove(Txn& txn, Locked<Subset>& subset, Handle<Service> handle) {
  Service& service = txn.segment().at(handle);
  Cell<uint32_t>* at = walk(txn, subset, service.hash, [&](Handle<Service> met, const Service&) {
    return met.index == handle.index;
  });
  if (*at == 0) kernel_panic("a service is missing from its namespace");
  Cell<uint32_t>* leaf = leaf_below(txn, at);
  const uint32_t stand_in = *leaf;
  txn.set(*leaf, 0);
  if (stand_in != handle.index) {
    Service& other = txn.segment().at(Handle<Service>{stand_in});
    for (unsigned i = 0; i < ipc::kServiceFan; i++)
      if (service.below[i] != 0) txn.set(other.below[i], service.below[i]);
    txn.set(*at, stand_in);
  }
  txn.add(subset->services, static_cast<uint32_t>(-1));
}

Handle<Service> tree_any(Txn& txn, Locked<Subset>& subset) {
  for (Cell<uint32_t>& bucket : subset->buckets)
    if (bucket != 0) return {*leaf_below(txn, &bucket)};
  return {};
}

}  // namespace portolan::bootstrap
