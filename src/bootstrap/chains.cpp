// SPDX-License-Identifier: Apache-2.0
// How the end of an owner or a port finds the names that go with it, without a look at all names there are: each
// service is in the chain of its owner and, if its port is an ordinary one, in that of its port.
#include "bootstrap/table.hpp"

namespace portolan::bootstrap {

namespace {

constexpr unsigned kRows = ipc::kDataPayload / sizeof(Cell<uint32_t>);
constexpr unsigned kChainMax = 1 << 18;  // no chain is so long: a damaged one ends here

// The head of the chain that the service belongs to, whose lock is taken.
Cell<uint32_t>& head_of(Txn& txn, const Service& service) {
  if (service.owner_pid == 0) return txn.lock(Handle<Job>{service.job})->services;
  txn.lock(owners_table(txn.segment()));
  return owners_row(txn, service.owner_pid);
}

}  // namespace

Handle<ipc::Data> owners_table(const Segment& segment) {
  return {segment.header().roots[ipc::kRootOwners]};
}

Cell<uint32_t>& owners_row(Txn& txn, uint32_t pid) {
  ipc::Data& table = txn.segment().at(owners_table(txn.segment()));
  return reinterpret_cast<Cell<uint32_t>*>(table.bytes)[pid % kRows];
}

void owner_chain_insert(Txn& txn, Handle<Service> handle) {
  Service& service = txn.segment().at(handle);
  Cell<uint32_t>& head = head_of(txn, service);
  const uint32_t first = head;
  service.owner_prev.init(0);
  service.owner_next.init(first);
  if (first != 0) txn.set(txn.segment().at(Handle<Service>{first}).owner_prev, handle.index);
  txn.set(head, handle.index);
}

void owner_chain_remove(Txn& txn, Handle<Service> handle) {
  Service& service = txn.segment().at(handle);
  Cell<uint32_t>& head = head_of(txn, service);
  const uint32_t next = service.owner_next, prev = service.owner_prev;
  txn.set(prev == 0 ? head : txn.segment().at(Handle<Service>{prev}).owner_next, next);
  if (next != 0) txn.set(txn.segment().at(Handle<Service>{next}).owner_prev, prev);
}

void port_chain_insert(Txn& txn, Locked<Port>& port, Handle<Service> handle) {
  Service& service = txn.segment().at(handle);
  service.port_next.init(0);
  if (!port_has_chain(*port)) return;
  service.port_next.init(port->kobject);
  txn.set(port->kobject, handle.index);
}

void port_chain_remove(Txn& txn, Locked<Port>& port, Handle<Service> handle) {
  if (!port_has_chain(*port)) return;
  Cell<uint32_t>* link = &port->kobject;
  for (unsigned i = 0; *link != handle.index; i++) {
    if (*link == 0 || i == kChainMax) kernel_panic("a service is missing from its port");
    link = &txn.segment().at(Handle<Service>{*link}).port_next;
  }
  txn.set(*link, txn.segment().at(handle).port_next);
}

}  // namespace portolan::bootstrap
