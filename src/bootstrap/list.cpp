// SPDX-License-Identifier: Apache-2.0
// What is in a namespace, for those who list it (bootstrap 5.12). A transaction reads a few elements of the zone
// of services under the lock of the one namespace; so a list is not a picture of one instant, but whatever is
// bound all the while is in it once.
#include <string.h>

#include "bootstrap/table.hpp"
#include "segment/text.hpp"
#include "task/task.hpp"

namespace portolan::bootstrap {

namespace {

constexpr uint32_t kLooked = 512;  // elements that one transaction looks at

// A process that owns names is listed as `<pointer>.anonymous.<program>` (bootstrap 2.2).
void label_process(const Segment& segment, uint32_t pid, char (&label)[ipc::kServiceNameMax]) {
  const Target<Task> task = task_of_pid(segment, pid);
  char program[16] = "?";
  uint64_t identity = pid;
  if (task) {
    const Task& owner = segment.at(task.handle);
    const char* slash = strrchr(owner.program, '/');
    Text(program) << (slash != nullptr ? slash + 1 : owner.program);
    identity = owner.credentials.pid_version;
  }
  (Text(label) << "0x").hex(identity) << ".anonymous." << program;
}

}  // namespace

kern_return_t list(Thread& self, const Caller& caller, Name bp, uint32_t& cursor, Row (&rows)[kRowsAtOnce],
                   unsigned& found) {
  const Segment& segment = self.segment();
  uint32_t pids[kRowsAtOnce];
  found = 0;
  uint32_t next = 0;
  for (cursor = cursor == 0 ? 1 : cursor; found == 0 && cursor < segment.carved(ipc::kZoneService);) {
    const kern_return_t code =
        with_space(self, caller, kGiveNeeds, [&](Txn& txn, Locked<Space>& space) -> kern_return_t {
          Owner owner;
          Locked<Subset> here;
          const kern_return_t entered = enter(txn, space, bp, here, owner);
          if (entered != KERN_SUCCESS) return entered;
          if (!can_own(txn, caller, here, owner)) return BOOTSTRAP_NO_MEMORY;
          const uint32_t carved = segment.carved(ipc::kZoneService);
          const uint32_t end = cursor + kLooked < carved ? cursor + kLooked : carved;
          found = 0;
          uint32_t at = cursor;
          for (; at < end && found < kRowsAtOnce; at++) {
            const Service& service = segment.at(Handle<Service>{at});
            if (!service.allocated() || service.subset != here.handle().index) continue;
            if ((service.flags & ipc::kServicePerPid) != 0) continue;
            Row& row = rows[found];
            memcpy(row.name, service.name, sizeof row.name);
            row.status = status_of(segment, service);
            pids[found] = service.job == 0 ? service.owner_pid.get() : 0;
            if (service.job != 0) {
              memcpy(row.owner, segment.at(Handle<Job>{service.job}).label, sizeof row.owner);
              row.owner[sizeof row.owner - 1] = 0;
            }
            found++;
          }
          next = at;
          return KERN_SUCCESS;
        });
    if (code != KERN_SUCCESS) return code;
    cursor = next;
  }
  for (unsigned i = 0; i < found; i++)
    if (pids[i] != 0) label_process(segment, pids[i], rows[i].owner);
  return KERN_SUCCESS;
}

}  // namespace portolan::bootstrap
