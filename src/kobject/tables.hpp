// SPDX-License-Identifier: Apache-2.0
// What a space or a set holds, as arrays for a caller in another space or process (ports 7.1, 7.11, 7.21).
// The traps and the messages of the mach_port subsystem share them. Read a few entries at a time, so not of
// one moment.
#pragma once

#include "ipc/mach_port.hpp"
#include "vm/out_array.hpp"

namespace portolan::kobject {

using ipc::Name;
using ipc::Space;

// Every name in use with its type. KERN_SUCCESS, KERN_INVALID_TASK, KERN_RESOURCE_SHORTAGE.
kern_return_t space_names(Thread& self, Target<Space> space, vm::OutArray<mach_port_name_t>& names,
                          vm::OutArray<mach_port_type_t>& types, uint32_t& count);
// Every slot; as many as the summary says. The same codes.
kern_return_t space_table(Thread& self, Target<Space> space, vm::OutArray<ipc_info_name_t>& table,
                          ipc_info_space_t& summary);
// The members of a set, ascending. Also KERN_INVALID_NAME, KERN_INVALID_RIGHT.
kern_return_t set_members(Thread& self, Target<Space> space, Name set,
                          vm::OutArray<mach_port_name_t>& members, uint32_t& count);

// A send right to each thread of a task that has made a trap, named in `to`. KERN_SUCCESS, KERN_FAILURE,
// KERN_NO_SPACE, KERN_RESOURCE_SHORTAGE; on failure none is left there.
kern_return_t task_thread_names(Thread& self, Target<ipc::Task> task, Handle<Space> to,
                                vm::OutArray<mach_port_name_t>& names, uint32_t& count);

}  // namespace portolan::kobject
