// SPDX-License-Identifier: Apache-2.0
// What happens when the library is loaded, and in a fork's child. Private to src/traps.
#pragma once

namespace portolan {

// Registers what is done around every fork (fork.cpp).
void fork_init();
// Joins, if that was not tried; refreshes mach_task_self_ and bootstrap_port.
void join_now();

}  // namespace portolan
