// SPDX-License-Identifier: Apache-2.0
// poll as Darwin builds it: a private queue of one-shot knotes, scanned until something can be told (rules
// 9).
#include "darwin_poll/poll.hpp"

#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include "darwin_poll/knotes.hpp"
#include "darwin_poll/profile.hpp"
#include "darwin_poll/real.hpp"

namespace portolan::darwin_poll {

namespace {

constexpr nfds_t kOpenMax = 10240, kSetSize = 1024;  // Darwin's OPEN_MAX and FD_SETSIZE
constexpr nfds_t kOnStack = 32;
constexpr int64_t kNever = INT64_MAX;
constexpr int64_t kSecond = 1'000'000'000;

int64_t now() {
  timespec time{};
  clock_gettime(CLOCK_MONOTONIC, &time);
  return time.tv_sec * kSecond + time.tv_nsec;
}

int failure(int code) {
  errno = code;
  return -1;
}

bool too_many(nfds_t count) {
  if (count > kOpenMax) return true;
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || count <= limit.rlim_cur) return false;
  return geteuid() != 0 || count > kSetSize;
}

// Room for a call's entries, without malloc: poll may be called from a signal handler.
class Room {
 public:
  explicit Room(nfds_t count) : count_(count) {
    if (count <= kOnStack) return;
    void* memory = mmap(nullptr, size(), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) {
      states_ = nullptr;
      return;
    }
    states_ = new (memory) Entry[count];
    entries_ = reinterpret_cast<pollfd*>(states_ + count);
  }
  void give_back() {
    if (count_ > kOnStack && states_ != nullptr) munmap(states_, size());
  }
  explicit operator bool() const { return states_ != nullptr; }
  pollfd* entries() { return entries_; }
  Entry* states() { return states_; }

 private:
  size_t size() const { return count_ * (sizeof(Entry) + sizeof(pollfd)); }

  nfds_t count_;
  Entry few_states_[kOnStack];
  pollfd few_entries_[kOnStack];
  Entry* states_ = few_states_;
  pollfd* entries_ = few_entries_;
};

struct Call {
  Room room;
  Witness witness;
  Knotes knotes;
  int cancel_before = PTHREAD_CANCEL_ENABLE;

  Call(nfds_t count, int timeout, const void* caller, bool early)
      : room(count),
        witness(room.entries(), count, timeout, caller, early),
        knotes(room.entries(), count, room.states(), witness) {}

  void leave() {
    knotes.close();
    room.give_back();
  }
};

// What is left when a thread is cancelled in its sleep.
void abandon(void* call) { static_cast<Call*>(call)->leave(); }

// False: it is over.
bool until(int64_t deadline, timespec& left) {
  const int64_t nanoseconds = deadline - now();
  if (nanoseconds <= 0) return false;
  left = {nanoseconds / kSecond, nanoseconds % kSecond};
  return true;
}

// The only place where the thread can be cancelled: everything else closes what it opened.
int sleep(Call& call, const timespec* left, const sigset_t* signals) {
  int woken = 0, problem = 0;
  pthread_cleanup_push(abandon, &call);
  pthread_setcancelstate(call.cancel_before, nullptr);
  woken = call.knotes.sleep(left, signals);
  problem = errno;
  pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, nullptr);
  pthread_cleanup_pop(0);
  errno = problem;
  return woken;
}

// Passes, and sleeps between them, until something can be told, or the time is over.
int scan(Call& call, nfds_t count, const Wait& wait, bool early) {
  call.knotes.attach();
  const nfds_t refused = call.knotes.refused();
  if (refused == count && count > 0) return call.knotes.ready();
  const bool for_ever = wait.nanoseconds < 0 || wait.nanoseconds >= kNever - now();
  const int64_t deadline = for_ever ? kNever : now() + wait.nanoseconds;
  for (;;) {
    const bool fired = call.knotes.pass();
    if (call.knotes.ready() > 0 || (fired && early)) return call.knotes.ready();
    timespec left{};
    if (!for_ever && !until(deadline, left)) return 0;
    if (sleep(call, for_ever ? nullptr : &left, wait.signals) < 0) return -1;
  }
}

}  // namespace

int poll(pollfd* entries, nfds_t count, const Wait& wait, bool old, const void* caller) {
  if (too_many(count)) return failure(EINVAL);
  pthread_testcancel();
  int cancel = 0;
  pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &cancel);
  const int timeout = wait.nanoseconds < 0 ? -1 : static_cast<int>(wait.nanoseconds / 1'000'000);
  Call call(count, timeout, caller, old);
  call.cancel_before = cancel;
  int result = -1, problem = EAGAIN;
  if (call.room) {
    if (count > 0) memcpy(call.room.entries(), entries, count * sizeof *entries);
    if (call.knotes.open()) {
      result = scan(call, count, wait, old);
      problem = errno;
    }
    if (result >= 0 && count > 0) memcpy(entries, call.room.entries(), count * sizeof *entries);
    call.witness.ended(result);
    call.leave();
  }
  pthread_setcancelstate(cancel, nullptr);
  if (result < 0) errno = problem;
  return result;
}

bool wait_of(int timeout, bool old, Wait& wait) {
  if (timeout < -1 && old) return false;
  if (timeout == -1)
    wait.nanoseconds = -1;
  else
    wait.nanoseconds = static_cast<int64_t>(static_cast<unsigned>(timeout)) * 1'000'000;
  return true;
}

int poll_from(pollfd* entries, nfds_t count, int timeout, portolan_poll_profile_t profile,
              const void* caller) {
  if (!resolve(profile)) return failure(EINVAL);
  if (profile == PORTOLAN_POLL_HOST) return real().poll(entries, count, timeout);
  const bool old = profile == PORTOLAN_POLL_DARWIN_OLD;
  Wait wait;
  if (!wait_of(timeout, old, wait)) return failure(EINVAL);
  return poll(entries, count, wait, old, caller);
}

int ppoll_from(pollfd* entries, nfds_t count, const timespec* timeout, const sigset_t* signals,
               portolan_poll_profile_t profile, const void* caller) {
  if (profile == PORTOLAN_POLL_HOST) return real().ppoll(entries, count, timeout, signals);
  if (timeout != nullptr && (timeout->tv_sec < 0 || timeout->tv_nsec < 0 || timeout->tv_nsec >= kSecond))
    return failure(EINVAL);
  Wait wait;
  wait.signals = signals;
  if (timeout != nullptr)
    wait.nanoseconds =
        timeout->tv_sec > kNever / kSecond - 1 ? -1 : timeout->tv_sec * kSecond + timeout->tv_nsec;
  return poll(entries, count, wait, profile == PORTOLAN_POLL_DARWIN_OLD, caller);
}

extern "C" PORTOLAN_EXPORT int portolan_darwin_poll(struct pollfd* entries, nfds_t count, int timeout,
                                                    portolan_poll_profile_t profile) {
  return poll_from(entries, count, timeout, profile, __builtin_return_address(0));
}

}  // namespace portolan::darwin_poll
