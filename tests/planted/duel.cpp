// SPDX-License-Identifier: Apache-2.0
#include "planted/duel.hpp"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <random>

#include "ipc/fsck.hpp"
#include "proof/messages.hpp"
#include "proof/world.hpp"
#include "segment/futex.hpp"
#include "segment/recovery.hpp"

namespace portolan::proof {

namespace {

constexpr uint64_t kMillisecond = 1'000'000;
// Without progress for so long. Counted in looks that come soon after each other, so that a machine with
// other things to do is not blamed on the kernel.
constexpr uint64_t kStall = 2000 * kMillisecond, kLookMost = 20 * kMillisecond;

// What the processes of a round share.
struct Shared {
  std::atomic<uint32_t> stop;
  std::atomic<uint64_t> beats[2];  // what each fighter has done
  char wrong[512];
};

class Round {
 public:
  Round(Shared& shared, uint64_t seed) : shared_(shared), random_(seed), a_(w_.task()), b_(w_.task()) {
    inbox_a_ = a_.port_with_send();
    inbox_b_ = b_.port_with_send();
    to_b_ = b_.give_send(inbox_b_, a_);
    to_a_ = a_.give_send(inbox_a_, b_);
  }

  void run() {
    const pid_t dies = start(0, a_, to_b_, inbox_a_), lives = start(1, b_, to_a_, inbox_b_);
    const bool fought = await_beats({0, 1}, 1 + random_() % 400);
    if (!fought) complain("both stand still");
    kill(dies, SIGKILL);
    waitpid(dies, nullptr, 0);
    declare_dead(w_.segment(), a_.thread().index());
    if (fought && !await_beats({1}, 20)) complain("who lives stands still after the other's death");
    shared_.stop = 1;
    if (!await_end(lives)) kill(lives, SIGKILL), waitpid(lives, nullptr, 0);
    if (shared_.wrong[0] == 0) judge();
  }

 private:
  void complain(const std::string& what) {
    if (shared_.wrong[0] == 0) snprintf(shared_.wrong, sizeof shared_.wrong, "%s", what.c_str());
  }

  // Sends its own right to the other, and receives what the other sends.
  pid_t start(unsigned which, TestTask& self, mach_port_name_t to, mach_port_name_t inbox) {
    const pid_t pid = fork();
    if (pid != 0) return pid;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    while (shared_.stop == 0) {
      PlainMessage message({to, kCopySend, inbox, kCopySend, 100});
      send(self, message);
      if (MACH_MSGH_BITS_LOCAL(message.header.msgh_bits) == MACH_MSG_TYPE_MOVE_SEND) {
        // It came back, and its rights with it.
        self.deallocate(message.header.msgh_remote_port);
        self.deallocate(message.header.msgh_local_port);
      }
      auto received = self.receive(inbox);
      if (received.code == MACH_MSG_SUCCESS && received.header().msgh_remote_port != MACH_PORT_NULL)
        self.deallocate(received.header().msgh_remote_port);
      shared_.beats[which]++;
    }
    _exit(0);
  }

  // False: these have done nothing for too long. A fighter that has crashed does nothing either.
  bool await_beats(std::initializer_list<unsigned> whose, uint64_t more) {
    uint64_t goal[2] = {};
    for (const unsigned i : whose) goal[i] = shared_.beats[i] + more;
    uint64_t last = monotonic_ns(), stalled = 0, sum = 0;
    for (;;) {
      uint64_t now_sum = 0;
      bool all = true;
      for (const unsigned i : whose) {
        now_sum += shared_.beats[i];
        all = all && shared_.beats[i] >= goal[i];
      }
      if (all) return true;
      const uint64_t now = monotonic_ns();
      stalled = now_sum != sum ? 0 : stalled + std::min(now - last, kLookMost);
      if (stalled > kStall) return false;
      sum = now_sum;
      last = now;
      usleep(50);
    }
  }

  bool await_end(pid_t pid) {
    int status = 0;
    uint64_t last = monotonic_ns(), waited = 0;
    while (waitpid(pid, &status, WNOHANG) == 0) {
      const uint64_t now = monotonic_ns();
      waited += std::min(now - last, kLookMost);
      last = now;
      if (waited > kStall) return false;
      usleep(200);
    }
    if (WIFSIGNALED(status)) complain(std::string("who lives crashes: ") + strsignal(WTERMSIG(status)));
    return true;
  }

  void judge() {
    recover_dead_threads(w_.launchd());
    settle(w_.launchd());
    const Report report = ipc::fsck(w_.segment());
    if (!report.clean()) return complain(report.text());
    for (auto& task : w_.tasks()) w_.end_task(*task);
    const Report after = ipc::fsck(w_.segment());
    if (!after.clean()) return complain(after.text());
    std::vector<uint32_t> left = w_.census(), fresh = w_.fresh();
    left.pop_back();  // the thread slots, which the world's own tasks count in, too
    fresh.pop_back();
    if (left != fresh) complain("elements are left when all tasks have ended");
  }

  Shared& shared_;
  std::mt19937_64 random_;
  World& w_ = *new World;
  TestTask &a_, &b_;
  mach_port_name_t inbox_a_, inbox_b_, to_a_, to_b_;
};

// In a process of its own: whatever a wrong kernel does, it does there.
std::string one_round(Shared& shared, uint64_t seed) {
  memset(static_cast<void*>(&shared), 0, sizeof shared);
  fflush(nullptr);
  const pid_t pid = fork();
  if (pid == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    Round(shared, seed).run();
    _exit(0);
  }
  int status = 0;
  waitpid(pid, &status, 0);
  if (shared.wrong[0] == 0 && status != 0) return "recovery crashes";
  return shared.wrong;
}

}  // namespace

DuelEnd duel(uint64_t rounds, uint64_t seed) {
  void* memory = mmap(nullptr, sizeof(Shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) return {"no memory", 0};
  DuelEnd end;
  while (end.rounds < rounds && end.wrong.empty())
    end.wrong = one_round(*static_cast<Shared*>(memory), seed + end.rounds++);
  munmap(memory, sizeof(Shared));
  return end;
}

}  // namespace portolan::proof
