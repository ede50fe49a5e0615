// SPDX-License-Identifier: Apache-2.0
// File ports: a send right that stands for an open file (sys/fileport.h). A file port is a port of the
// kernel's; its last send right ends it. The file itself cannot be in the segment: launchd keeps a descriptor
// of it under the port's identity (launchd/file_keeper.hpp), for as long as the port lives.
//   F1: somebody has a send right to every file port that is not dying.
// Locks: the space's, the port's.
//
// Who makes one has a name for it before launchd has the descriptor, and gives the name up if it does not get
// there: a right in a space is what recovery knows how to end, so a maker that dies in between leaves
// nothing. launchd keeps no descriptor of a port that does not live. So a port without a descriptor is one
// that nobody but its maker knows, or one whose launchd died: the next launchd ends those.
#pragma once

#include "ipc/right.hpp"

namespace portolan::ipc {

// One file port, as a task and launchd speak of it.
struct FilePort {
  uint32_t port = 0;      // where it lies: a hint
  uint64_t identity = 0;  // which it is
};

// A new one, and a name for it in `to`. KERN_SUCCESS, and what copying out returns.
kern_return_t fileport_make(Thread& self, Handle<Space> to, Name& name, FilePort& made);
// Which file port a send right stands for. KERN_SUCCESS, KERN_INVALID_TASK, KERN_INVALID_NAME,
// KERN_INVALID_RIGHT, KERN_INVALID_CAPABILITY.
kern_return_t fileport_find(Thread& self, Handle<Space> space, Name name, FilePort& found);

// The port lives. Looks without a lock first: what is there for certain costs no more than two loads.
bool fileport_lives(Thread& self, const FilePort& which);
// All that there are become dead names.
void fileports_end(Thread& self);

// -- what goes between a task and launchd, over DIRECTORY/files.sock: one request a connection, one answer

inline constexpr uint32_t kFileKeep = 1;  // carries a descriptor
inline constexpr uint32_t kFileGet = 2;   // is answered with one

struct FileRequest {
  uint32_t operation;
  uint32_t port;
  uint64_t identity;
  uint64_t domain;  // the segment's inode: another may have been made in the same directory
};
struct FileAnswer {
  int32_t error;  // errno; 0: done
};

}  // namespace portolan::ipc
