// SPDX-License-Identifier: Apache-2.0
// Files that a queue watches for changes: one inotify instance a queue, one watch a file, whichever
// descriptors it was named by. Belongs to the queue's lock.
#pragma once

#include "kqueue/object.hpp"

namespace portolan::kq {

// 0 or errno. From now on EVFILT_VNODE's knote gets the hints that it wants, EVFILT_READ's is looked at.
int file_watch(Kqueue& kqueue, FdKnote& knote);
void file_unwatch(Kqueue& kqueue, FdKnote& knote);

}  // namespace portolan::kq
