// SPDX-License-Identifier: Apache-2.0
// Domains as files: a directory of the user's own with the segment in it. Found, made, joined, discarded,
// removed.
//
//   /dev/shm/portolan-<uid>/<name>/     0700, owned by the caller, no symbolic link
//     segment.v<layout version>         0600; linked under this name when it is complete
//     launchd.lock                      held by launchd for its life
//     files.sock                        launchd's, for file ports
//
// Whoever joins or removes holds an flock on the segment file and then checks that the path still leads to
// it. A segment in which nobody lives and over which no launchd watches is discarded and made anew, never
// reused: whoever was killed last may have left anything (KERNEL.md 15).
//
// Who may call: the runtime, launchd, tools. System calls and no locks of the kernel; may be interrupted by
// death anywhere: what is left then is a file under a temporary name, removed by the next who makes a domain
// there.
#pragma once

#include "segment/segment.hpp"
#include "segment/thread.hpp"

namespace portolan {

enum class DomainFault : uint32_t {
  none,
  secure,  // set-user-id programs do not join
  bad_name,
  bad_directory,  // foreign, open to others, a symbolic link, not a directory
  bad_segment,    // foreign, damaged, not ours, of another byte order
  version,
  address_space,  // RLIMIT_AS
  no_memory,      // tmpfs, or a limit on files
  namespaces,     // another pid namespace
  no_threads,     // every thread slot is taken
  absent,         // there is no such domain
  busy,           // somebody lives there
  system,         // any other refusal of Linux
};

struct DomainError {
  DomainFault code = DomainFault::none;
  char message[384] = {};  // what is wrong, with the path
  char remedy[256] = {};   // what to do about it; may be empty
  void set(DomainFault fault, const char* message, const char* path = nullptr, int error = 0,
           const char* remedy = nullptr);
};

inline constexpr unsigned kPathMax = 512;

// A domain's directory, as a path.
struct DomainPlace {
  char path[kPathMax] = {};
  bool is_private = false;  // given as a path: the directory goes with the domain
};

// `name`: a name, or the path of a directory if it has a slash; nullptr: "default". False: no name, or too
// long.
bool domain_place(const char* name, DomainPlace& place, DomainError& error);

// What the layers above put into a new segment.
struct Founder {
  Geometry (*geometry)() = nullptr;
  void (*install)(Segment& segment) = nullptr;          // hooks; for joiners too
  int (*furnish)(Thread& self) = nullptr;               // the first objects; 0: done
  bool (*inhabited)(const Segment& segment) = nullptr;  // does a task live that no attached thread shows?
};

enum class DomainEntry { join_or_make, join };

// Maps the domain's segment and attaches `self` in it, so that it is seen to be alive before the lock on the
// file goes. The life word is not on any list yet. On failure nothing stays mapped.
bool domain_enter(const DomainPlace& place, DomainEntry how, const Founder& founder, Segment& segment,
                  Thread& self, DomainError& error);
// Undoes the mapping, of a segment that this process has left or never joined.
void domain_unmap(Segment& segment);

// Maps it for reading, without joining. `view` is then good for everything that does not write.
bool domain_open_readonly(const DomainPlace& place, Segment& view, DomainError& error);

// Calls `each` with the name of every domain of the user's directory that has a segment of this version.
bool domain_list(void (*each)(void* context, const char* name), void* context, DomainError& error);

// Removes a domain in which nobody lives. launchd hands in its own view, slot and the inode of its segment,
// and holds its lock; for anybody else that lock must be free. The directory goes too unless something else
// is in it. Fault `absent`: there is no such domain, or another than that inode's.
bool domain_remove(const DomainPlace& place, const Founder& founder, const Segment* own, uint32_t self,
                   DomainError& error, uint64_t inode = 0);

// False: the path leads to another file by now, or to none, and so do those who join. One system call.
bool domain_is_at(const DomainPlace& place, const Segment& segment);

// launchd's lock: a descriptor that holds it, or -1 when another holds it.
int domain_lock_launchd(const DomainPlace& place);
// True: some launchd holds it. One system call or two; no domain is joined.
bool domain_has_launchd(const DomainPlace& place);

}  // namespace portolan
