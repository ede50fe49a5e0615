// SPDX-License-Identifier: Apache-2.0
// What a knote takes of the process's heap, by what malloc has given out, and how many threads there are for
// it.
#include <mach/mach.h>
#include <malloc.h>
#include <sys/event.h>
#include <sys/resource.h>
#include <unistd.h>

#include <filesystem>

#include "kqueue/bench.hpp"

namespace bench {
namespace {

constexpr unsigned kKnotes = 10'000;

unsigned threads() {
  unsigned count = 0;
  for (const auto& task : std::filesystem::directory_iterator("/proc/self/task"))
    count += !task.path().empty();
  return count;
}

template <class Ident>
void weigh(const char* what, int16_t filter, Ident&& ident) {
  const int kq = kqueue();
  const unsigned before_threads = threads();
  std::vector<uint64_t> idents;
  for (unsigned i = 0; i < kKnotes; i++) idents.push_back(ident(i));
  const size_t before = mallinfo2().uordblks + mallinfo2().hblkhd;
  for (const uint64_t one : idents) {
    struct kevent add;
    EV_SET(&add, one, filter, EV_ADD, filter == EVFILT_TIMER ? uint32_t{NOTE_SECONDS} : 0, 1000, nullptr);
    require(kevent(kq, &add, 1, nullptr, 0, nullptr) == 0, what);
  }
  const size_t after = mallinfo2().uordblks + mallinfo2().hblkhd;
  printf("%u knotes of %s: %zu bytes each, %u threads\n", kKnotes, what, (after - before) / kKnotes,
         threads() - before_threads);
  close(kq);
}

}  // namespace

void memory() {
  struct rlimit files = {kKnotes * 2, kKnotes * 2};
  setrlimit(RLIMIT_NOFILE, &files);
  weigh("EVFILT_USER", EVFILT_USER, [](unsigned i) { return i; });
  weigh("EVFILT_TIMER", EVFILT_TIMER, [](unsigned i) { return i; });
  int fds[2];
  require(pipe(fds) == 0, "a pipe");
  weigh("EVFILT_READ", EVFILT_READ, [&](unsigned) {
    const int fd = dup(fds[0]);
    require(fd >= 0, "a descriptor");
    return static_cast<uint64_t>(fd);
  });
  weigh("EVFILT_MACHPORT", EVFILT_MACHPORT, [](unsigned) {
    mach_port_t port = MACH_PORT_NULL;
    require(mach_port_allocate(mach_task_self(), MACH_PORT_RIGHT_RECEIVE, &port) == KERN_SUCCESS, "a port");
    return uint64_t{port};
  });
}

}  // namespace bench
