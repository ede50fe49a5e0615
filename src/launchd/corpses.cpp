// SPDX-License-Identifier: Apache-2.0
#include "launchd/corpses.hpp"

#include <string>

#include "inspect/corpse.hpp"
#include "segment/text.hpp"
#include "segment/thread.hpp"

namespace portolan {

namespace {
char g_directory[kPathMax];
}

void corpses_directory(const DomainPlace& place) { Text(g_directory) << place.path; }

void corpse_hook(Thread& self, Handle<ipc::Task> task) {
  const uint32_t pid = self.segment().at(task).credentials.pid;
  const std::string path = std::string(g_directory) + "/" + inspect::corpse_name(pid, task.index);
  inspect::write_corpse(self.segment(), task.index, path.c_str());
}

}  // namespace portolan
