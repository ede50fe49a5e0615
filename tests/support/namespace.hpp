// SPDX-License-Identifier: Apache-2.0
// What a domain with a namespace gives back before a test counts what is left.
#pragma once

#include "ipc/objects.hpp"

namespace portolan::test {

// The root falls, as a subset does, and takes everything in it along.
inline void close_namespace(Thread& self) {
  transact(self, Needs{}, [&](Txn& txn) {
    auto& roots = txn.segment().header().roots;
    Locked<ipc::Subset> subset = txn.lock(Handle<ipc::Subset>{roots[ipc::kRootBootstrap]});
    txn.set(subset->state, ipc::kPortDying);
    txn.push_work(subset.handle());
    txn.set(roots[ipc::kRootBootstrap], 0);
    return 0;
  });
  settle(self);
  transact(self, Needs{}, [&](Txn& txn) {
    Cell<uint32_t>& owners = txn.segment().header().roots[ipc::kRootOwners];
    txn.release(Handle<ipc::Data>{owners});
    txn.set(owners, 0);
    return 0;
  });
}

}  // namespace portolan::test
