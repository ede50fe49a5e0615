// SPDX-License-Identifier: Apache-2.0
#include "darwin_poll/real.hpp"

#include <dlfcn.h>

namespace portolan::darwin_poll {

namespace {

template <class Function>
void find(Function& function, const char* name) {
  function = reinterpret_cast<Function>(dlsym(RTLD_NEXT, name));
}

// Before any thread exists, so that no signal handler has to look anything up.
__attribute__((constructor)) void find_early() { real(); }

}  // namespace

// Storing a pointer twice does no harm; the last one is stored last.
const Real& real() {
  static constinit Real found{};
  if (__builtin_expect(__atomic_load_n(&found.dup3, __ATOMIC_ACQUIRE) != nullptr, 1)) return found;
  find(found.poll, "poll");
  find(found.ppoll, "ppoll");
  find(found.select, "select");
  find(found.pselect, "pselect");
  find(found.close, "close");
  find(found.close_range, "close_range");
  find(found.closefrom, "closefrom");
  find(found.fclose, "fclose");
  find(found.dup2, "dup2");
  __atomic_store_n(&found.dup3, reinterpret_cast<decltype(found.dup3)>(dlsym(RTLD_NEXT, "dup3")),
                   __ATOMIC_RELEASE);
  return found;
}

}  // namespace portolan::darwin_poll
