// SPDX-License-Identifier: Apache-2.0
#include "launchd/corpses.hpp"

#include "segment/text.hpp"
#include "segment/thread.hpp"

namespace portolan::inspect {

// src/inspect/corpse.hpp, named weakly: a launchd that is built without the tools keeps no corpses.
__attribute__((weak)) bool write_corpse(const Segment& segment, uint32_t task_index, const char* path) noexcept;

}  // namespace portolan::inspect

namespace portolan {

namespace {
char g_directory[kPathMax];
}

void corpses_directory(const DomainPlace& place) { Text(g_directory) << place.path; }

void corpse_hook(Thread& self, Handle<ipc::Task> task) {
  if (&inspect::write_corpse == nullptr) return;
  char path[kPathMax + 64];
  // As inspect::corpse_name has it.
  Text(path) << g_directory << "/corpse-" << uint64_t{self.segment().at(task).credentials.pid} << "-" << uint64_t{task.index}
             << ".json";
  inspect::write_corpse(self.segment(), task.index, path);
}

}  // namespace portolan
