// SPDX-License-Identifier: Apache-2.0
#include "darwin_poll/active.hpp"

#include <errno.h>
#include <signal.h>
#include <sys/epoll.h>
#include <unistd.h>

#include <atomic>
#include <new>

#include "darwin_poll/real.hpp"

namespace portolan::darwin_poll {

namespace {

pthread_mutex_t g_lock = PTHREAD_MUTEX_INITIALIZER;
constinit Active* g_first = nullptr;      // under the lock
constinit std::atomic<int> g_count{0};    // so that closing costs nothing where nobody polls
constinit std::atomic<pid_t> g_owner{0};  // whose calls these are: not those of a vfork's child

// Signals wait, so that a handler that closes or polls never finds the lock in its own thread's hands.
class Locked {
 public:
  Locked() {
    sigset_t all;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before_);
    pthread_mutex_lock(&g_lock);
  }
  ~Locked() {
    pthread_mutex_unlock(&g_lock);
    pthread_sigmask(SIG_SETMASK, &before_, nullptr);
  }
  Locked(const Locked&) = delete;
  Locked& operator=(const Locked&) = delete;

 private:
  sigset_t before_;
};

void close_sets(const Sets& sets) {
  for (const int fd : {sets.read, sets.write, sets.shadow})
    if (fd >= 0) real().close(fd);
}

alignas(Locked) unsigned char g_forking[sizeof(Locked)];  // the lock of who forks

void before_fork() { new (g_forking) Locked; }
void after_fork() { reinterpret_cast<Locked*>(g_forking)->~Locked(); }

// The other threads are gone, their stacks with the lists' links are not yet.
void in_child() {
  Active* mine = nullptr;
  int count = 0;
  for (Active *call = g_first, *next; call != nullptr; call = next) {
    next = call->next;
    if (!pthread_equal(call->thread, pthread_self())) {
      close_sets(call->sets);
      continue;
    }
    call->previous = nullptr;
    call->next = mine;
    if (mine != nullptr) mine->previous = call;
    mine = call;
    count++;
  }
  g_first = mine;
  g_count = count;
  g_owner = getpid();
  after_fork();
}

__attribute__((constructor)) void watch_forks() { pthread_atfork(before_fork, after_fork, in_child); }

void forget(const Sets& sets, int fd) {
  for (const int set : {sets.read, sets.write, sets.shadow})
    if (set >= 0) epoll_ctl(set, EPOLL_CTL_DEL, fd, nullptr);
}

}  // namespace

void active_add(Active& call) {
  const Locked lock;
  call.thread = pthread_self();
  call.previous = nullptr;
  call.next = g_first;
  if (g_first != nullptr) g_first->previous = &call;
  g_first = &call;
  g_owner = getpid();
  g_count++;
}

void active_remove(Active& call) {
  const Locked lock;
  (call.previous == nullptr ? g_first : call.previous->next) = call.next;
  if (call.next != nullptr) call.next->previous = call.previous;
  g_count--;
}

void descriptors_closing(unsigned first, unsigned last) {
  if (__builtin_expect(g_count.load() == 0, 1) || getpid() != g_owner.load()) return;
  const int saved = errno;
  {
    const Locked lock;
    for (Active* call = g_first; call != nullptr; call = call->next)
      for (nfds_t i = 0; i < call->count; i++) {
        const int fd = call->entries[i].fd;
        if (fd >= 0 && static_cast<unsigned>(fd) >= first && static_cast<unsigned>(fd) <= last)
          forget(call->sets, fd);
      }
  }
  errno = saved;
}

}  // namespace portolan::darwin_poll
