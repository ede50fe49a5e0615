// SPDX-License-Identifier: Apache-2.0
// errno belongs to the program: whoever makes system calls on its behalf leaves it as it was.
#pragma once

#include <errno.h>

namespace portolan {

struct KeepErrno {
  KeepErrno() = default;
  KeepErrno(const KeepErrno&) = delete;
  KeepErrno& operator=(const KeepErrno&) = delete;
  ~KeepErrno() { errno = saved; }
  const int saved = errno;
};

}  // namespace portolan
