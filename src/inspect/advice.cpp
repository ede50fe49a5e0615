// SPDX-License-Identifier: Apache-2.0
#include "inspect/advice.hpp"

#include "inspect/leaks.hpp"

namespace portolan::inspect {

namespace {

struct ByCall {
  const char* call;  // the beginning of its name
  const char* text;
};

// The first that fits. Calls that return a new reference each time come first: there a name was all that was
// wanted.
constexpr ByCall kByCall[] = {
    {"mach_thread_self",
     "mach_port_deallocate(mach_task_self(), thread) after use, or keep one reference per thread"},
    {"mach_host_self",
     "mach_port_deallocate(mach_task_self(), host) after use, or keep one reference per task"},
    {"task_get_special_port",
     "mach_port_deallocate(mach_task_self(), port) after use, or ask once and keep it"},
    {"task_threads", "mach_port_deallocate each thread, then vm_deallocate the array"},
    {"mach_ports_lookup", "mach_port_deallocate each port, then vm_deallocate the array"},
    {"bootstrap_look_up",
     "look the service up once and keep the right, or mach_port_deallocate it after use"},
    {"bootstrap_check_in",
     "check in once; mach_port_mod_refs(mach_task_self(), port, MACH_PORT_RIGHT_RECEIVE, -1) at the end"},
    {"mach_port_allocate",
     "mach_port_mod_refs(mach_task_self(), name, MACH_PORT_RIGHT_RECEIVE, -1) when the port is done"},
    {"mach_port_construct",
     "mach_port_destruct(mach_task_self(), name, srdelta, guard) when the port is done"},
    {"mach_port_insert_right", "mach_port_deallocate(mach_task_self(), name) when the right is done"},
    {"mach_port_extract_right", "mach_port_deallocate(mach_task_self(), name) when the right is done"},
    {"mach_port_request_notification", "keep one request per port; deallocate the right that it returns"},
    {"semaphore_create", "semaphore_destroy(mach_task_self(), semaphore) when it is done"},
    {"fileport_makeport",
     "mach_port_deallocate(mach_task_self(), port) once it is sent: the file stays open as long"},
    {"mach_msg", "mach_port_deallocate each right that a message brings, or mach_msg_destroy(message)"},
};

}  // namespace

std::string advice(const Finding& finding) {
  switch (finding.kind) {
    case Kind::unanswered: {
      const std::string id = finding.message ? std::to_string(finding.message->id) : "it";
      return "answer id " + id + " on every path, or deallocate: it wakes them";
    }
    case Kind::dead:
      return "ask for MACH_NOTIFY_DEAD_NAME, and mach_port_deallocate the name when it comes";
    case Kind::piled:
      for (const ByCall& known : kByCall)
        if (finding.call.rfind(known.call, 0) == 0) return known.text;
      return "mach_port_deallocate(mach_task_self(), name) when the right is done";
    case Kind::held:
      break;
  }
  return {};
}

}  // namespace portolan::inspect
