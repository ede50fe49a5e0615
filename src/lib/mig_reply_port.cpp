// SPDX-License-Identifier: Apache-2.0
// The port on which a thread's stubs wait for replies (messages 10.4): one a thread, made when first asked
// for, gone with the thread. A fork takes it away: the child's copy of the name says nothing in the child's
// space.
//
// Thread-local, so no locks. A handler of a signal that asks for one between the two lines of
// mig_get_reply_port gets the port that is kept in the end, or one that ends with the task.
#include <mach/mach.h>
#include <pthread.h>

#include "traps/runtime.hpp"

namespace {

struct ReplyPort {
  mach_port_t name = MACH_PORT_NULL;
  uint64_t life = 0;  // of the process that has it
};
constinit thread_local ReplyPort t_reply;

uint64_t this_life() { return portolan::g_process != nullptr ? portolan::g_process->epoch.load() : 0; }

mach_port_t cached() { return t_reply.life == this_life() ? t_reply.name : MACH_PORT_NULL; }

void drop_cached() {
  const mach_port_t name = cached();
  t_reply = {};
  if (name != MACH_PORT_NULL) mach_port_mod_refs(mach_task_self(), name, MACH_PORT_RIGHT_RECEIVE, -1);
}

// Whoever asks again in a later destructor gets another port, and another end.
void thread_ends(void*) { drop_cached(); }

pthread_key_t g_end_key;
pthread_once_t g_end_once = PTHREAD_ONCE_INIT;
void make_key() { pthread_key_create(&g_end_key, thread_ends); }

}  // namespace

extern "C" {

mach_port_t mig_get_reply_port(void) {
  if (const mach_port_t name = cached(); name != MACH_PORT_NULL) return name;
  const mach_port_t name = mach_reply_port();  // joins the domain, if that is still to be done: a life begins
  t_reply = {name, this_life()};
  pthread_once(&g_end_once, make_key);
  pthread_setspecific(g_end_key, &t_reply);
  return name;
}

void mig_dealloc_reply_port(mach_port_t reply_port) {
  const mach_port_t name = cached();
  if (name == MACH_PORT_NULL) return;
  drop_cached();
  if (reply_port != name) mach_port_deallocate(mach_task_self(), reply_port);
}

void mig_put_reply_port(mach_port_t) {}

}  // extern "C"
