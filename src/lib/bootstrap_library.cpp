// SPDX-License-Identifier: Apache-2.0
// Bootstrap calls that are made of others (bootstrap 5.3, 5.5, 5.6, 5.15).
#include <mach/mach.h>
#include <servers/bootstrap_priv.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

extern "C" {

kern_return_t bootstrap_create_service(mach_port_t bp, name_t service_name, mach_port_t* sp) {
  mach_port_t service = MACH_PORT_NULL;
  const kern_return_t code = bootstrap_check_in(bp, service_name, &service);
  if (code != KERN_SUCCESS) return code;
  mach_port_mod_refs(mach_task_self(), service, MACH_PORT_RIGHT_RECEIVE, -1);
  return bootstrap_look_up(bp, service_name, sp);
}

kern_return_t bootstrap_check_in3(mach_port_t bp, const char* service_name, mach_port_t* sp,
                                  uuid_t instance_id, uint64_t flags) {
  const kern_return_t code = bootstrap_check_in2(bp, service_name, sp, flags);
  if (code == KERN_SUCCESS && instance_id != nullptr) memset(instance_id, 0, sizeof(uuid_t));
  return code;
}

kern_return_t bootstrap_look_up3(mach_port_t bp, const char* service_name, mach_port_t* sp, pid_t target_pid,
                                 const uuid_t instance_id, uint64_t flags) {
  (void)instance_id;  // no job has several instances
  return bootstrap_look_up2(bp, service_name, sp, target_pid, flags);
}

kern_return_t bootstrap_look_up_per_user(mach_port_t bp, const char* service_name, uid_t target_user,
                                         mach_port_t* sp) {
  if (target_user != geteuid()) return BOOTSTRAP_NOT_PRIVILEGED;
  if (service_name == nullptr) return bootstrap_get_root(bp, sp);
  mach_port_t root = MACH_PORT_NULL;
  const kern_return_t code = bootstrap_get_root(bp, &root);
  if (code != KERN_SUCCESS) return code;
  const kern_return_t found = bootstrap_look_up(root, service_name, sp);
  mach_port_deallocate(mach_task_self(), root);
  return found;
}

void bootstrap_init(void) {
  if (task_get_bootstrap_port(mach_task_self(), &bootstrap_port) != KERN_SUCCESS) abort();
}

}  // extern "C"
