// SPDX-License-Identifier: Apache-2.0
#include "proof/scenario.hpp"

namespace portolan::proof {

std::vector<Listed> all_scenarios() {
  std::vector<Listed> all;
  for (const auto& family :
       {send_scenarios(),      receive_scenarios(), right_scenarios(), notify_scenarios(),
        bootstrap_scenarios(), job_scenarios(),     task_scenarios(),  semaphore_scenarios(),
        fileport_scenarios(),  kernel_scenarios(),  port_scenarios(),  set_scenarios(),
        watch_scenarios(),     guarded_scenarios(), room_scenarios(),  child_scenarios(),
        damage_scenarios(),    busy_scenarios(),    site_scenarios(),  exception_scenarios()})
    all.insert(all.end(), family.begin(), family.end());
  return all;
}

}  // namespace portolan::proof
