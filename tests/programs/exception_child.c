// SPDX-License-Identifier: Apache-2.0
// A program that tells what exception ports it was born with: to each action's port it sends a message with
// the behaviour, the types and the flavour, and it exits with how many actions there are.
#include <mach/mach.h>
#include <string.h>

struct told {
  mach_msg_header_t header;
  uint32_t mask, flavor;
};

int main(void) {
  exception_mask_t masks[32];
  mach_port_t ports[32];
  exception_behavior_t behaviors[32];
  thread_state_flavor_t flavors[32];
  mach_msg_type_number_t count = 0;
  const exception_mask_t all = EXC_MASK_ALL | EXC_MASK_CRASH | EXC_MASK_CORPSE_NOTIFY;
  if (task_get_exception_ports(mach_task_self(), all, masks, &count, ports, behaviors, flavors) !=
      KERN_SUCCESS)
    return 99;
  int set = 0;
  for (mach_msg_type_number_t i = 0; i < count; i++) {
    if (!MACH_PORT_VALID(ports[i])) continue;
    struct told message;
    memset(&message, 0, sizeof message);
    message.header.msgh_bits = MACH_MSGH_BITS(MACH_MSG_TYPE_COPY_SEND, 0);
    message.header.msgh_remote_port = ports[i];
    message.header.msgh_id = 1000 + (behaviors[i] & 7);
    message.mask = masks[i];
    message.flavor = (uint32_t)flavors[i];
    if (mach_msg(&message.header, MACH_SEND_MSG, sizeof message, 0, MACH_PORT_NULL, 0, MACH_PORT_NULL) != 0)
      return 98;
    set++;
  }
  return set;
}
