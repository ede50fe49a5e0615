// SPDX-License-Identifier: Apache-2.0
// The kernel put together from its layers: what a new domain is made of and what a view of one is hooked up
// with. For the runtime and for launchd, which must agree.
#pragma once

#include "bootstrap/namespace.hpp"
#include "ipc/kernel.hpp"
#include "kobject/server.hpp"
#include "segment/domain.hpp"
#include "task/reaper.hpp"
#include "task/task.hpp"

namespace portolan {

inline bool founder_reap_step(Thread& self, uint32_t item) {
  if (work_zone(item) == ipc::kZoneTask) return task_reap_step(self, Handle<ipc::Task>{work_index(item)});
  return bootstrap::reap_step(self, item);
}

inline void founder_install(Segment& segment) {
  static const bootstrap::Layers layers = bootstrap::make_layers(
      ipc::make_layers({founder_reap_step, nullptr, task_finish_thread, kobject::serve}));
  ipc::install(segment, layers);
}

inline int founder_furnish(Thread& self) {
  const kern_return_t code = ipc::make_roots(self);
  return code != KERN_SUCCESS ? code : bootstrap::make_root(self);
}

inline constexpr Founder kFounder = {ipc::default_geometry, founder_install, founder_furnish, tasks_live};

}  // namespace portolan
