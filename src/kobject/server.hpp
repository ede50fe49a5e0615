// SPDX-License-Identifier: Apache-2.0
// Messages to ports of the kernel's (ports 12): what they ask for is done at once, in the sender's thread and
// trap, and the reply is sent before the send returns. The wire format is MIG's (messages 11).
#pragma once

#include "ipc/kmsg.hpp"

namespace portolan::kobject {

// TaskHooks::serve. Does what `request`, which is in the caller's hand, asks of the object behind its
// destination, and sends a reply if there is a right to send it to. Takes what it needs out of the request;
// the caller destroys the rest. No lock is held; an unknown id is answered with MIG_BAD_ID; a reply that
// lacks memory is not sent, so that its right dies with the request.
void serve(Thread& self, Handle<ipc::Kmsg> request, ipc::UserMemory& user);

}  // namespace portolan::kobject
