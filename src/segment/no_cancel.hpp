// SPDX-License-Identifier: Apache-2.0
// Traps are no cancellation points (KERNEL.md 16), but some of the C library's functions are that a trap
// calls on its seldom ways: open, read, poll, close. A thread that was cancelled there would leave its
// section, and a file lock, behind. If we die here: nothing is left; the state is the thread's own.
#pragma once

#include <pthread.h>

namespace portolan {

class NoCancel {
 public:
  NoCancel() { pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &before_); }
  ~NoCancel() { pthread_setcancelstate(before_, nullptr); }
  NoCancel(const NoCancel&) = delete;
  NoCancel& operator=(const NoCancel&) = delete;

 private:
  int before_ = PTHREAD_CANCEL_ENABLE;
};

}  // namespace portolan
