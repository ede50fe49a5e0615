// SPDX-License-Identifier: Apache-2.0
// The C library's own functions, found once. Storing a pointer twice does no harm, so there is no lock.
#include "traps/process.hpp"

#include <dlfcn.h>

#include "traps/init.hpp"

namespace portolan {

namespace {

Real g_real;
bool g_found;

template <class Function>
void find(Function& function, const char* name) {
  function = reinterpret_cast<Function>(dlsym(RTLD_NEXT, name));
}

}  // namespace

const Real& real() {
  if (__builtin_expect(g_found, 1)) return g_real;
  find(g_real.sigaction, "sigaction");
  find(g_real.sigprocmask, "sigprocmask");
  find(g_real.pthread_sigmask, "pthread_sigmask");
  find(g_real.fork, "fork");
  find(g_real.execve, "execve");
  find(g_real.execvpe, "execvpe");
  find(g_real.fexecve, "fexecve");
  find(g_real.execveat, "execveat");
  find(g_real.posix_spawn, "posix_spawn");
  find(g_real.posix_spawnp, "posix_spawnp");
  find(g_real.posix_spawnattr_destroy, "posix_spawnattr_destroy");
  if (g_real.sigaction == nullptr || g_real.fork == nullptr)
    kernel_panic("the C library is not where it was");
  g_found = true;
  return g_real;
}

void process_init() {
  real();
  embryo_from_environment();
  launchd_find_binary();
  fork_init();
}

}  // namespace portolan
