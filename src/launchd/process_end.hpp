// SPDX-License-Identifier: Apache-2.0
// The ends of processes that need not be our children: by pidfd. A process is known by its pid and the time
// it started, so that a pid that was given out again is nobody's.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>

#include "segment/domain_files.hpp"

namespace portolan::launchd {

// Empty: that process is gone.
files::Descriptor open_process(pid_t pid, uint64_t start);
uint64_t process_start(pid_t pid);  // 0: gone

// After the descriptor has become readable: as wait(2) has it. Reaps a child. Empty, of a process that is not
// our child: its parent has reaped it, and this Linux does not keep it for descriptors (before 6.15).
std::optional<uint32_t> exit_status(pid_t pid, const files::Descriptor& process);

void signal_process(const files::Descriptor& process, int signal);
// What is left of its process group, if it led one. To be called before a child is reaped; of others, only
// while nobody has the pid.
void signal_group(pid_t pid, int signal, bool child);

}  // namespace portolan::launchd
