// SPDX-License-Identifier: Apache-2.0
// The trap runs in a child, on the same segment, with a counter that says which reservation is refused.
#include "exhaustion/trial.hpp"

#include <gtest/gtest.h>
#include <servers/bootstrap.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <string>

#include "ipc/fsck.hpp"
#include "proof/portrait.hpp"
#include "proof/symbols.hpp"
#include "segment/futex.hpp"
#include "segment/refusal.hpp"
#include "segment/txn.hpp"
#include "support/crash.hpp"

namespace portolan::exhaustion {

namespace {

using proof::Judge;
using proof::Scenario;
using proof::World;

constexpr int kUnknown = -1;
constexpr uint64_t kHang = 20'000'000'000;

// Which reservations are refused: those from the `first` to the `last`.
struct Refusal {
  uint32_t first = 0, last = 0;
};

// What the child tells.
struct Told {
  uint32_t asked, refused;
  int answer;
  uint32_t ended;
  uintptr_t site;  // the first that was refused
};

Told* told = nullptr;
Refusal refusal;

bool refuse(const void* site) {
  const uint32_t nth = ++told->asked;
  if (nth < refusal.first || nth > refusal.last) return false;
  if (told->refused++ == 0) told->site = reinterpret_cast<uintptr_t>(site);
  return true;
}

// The codes that rules give to want of memory.
bool is_shortage(int code) {
  constexpr int kBits = MACH_MSG_IPC_KERNEL | MACH_MSG_IPC_SPACE | MACH_MSG_VM_KERNEL | MACH_MSG_VM_SPACE;
  switch (code) {
    case KERN_RESOURCE_SHORTAGE:
    case MACH_SEND_NO_BUFFER:
    case BOOTSTRAP_NO_MEMORY:
    case MACH_MSG_VM_KERNEL:  // messages 4: no memory while copying OOL data in
      return true;
    default:
      return ((code & ~kBits) == MACH_RCV_HEADER_ERROR || (code & ~kBits) == MACH_RCV_BODY_ERROR) &&
             (code & MACH_MSG_IPC_KERNEL) != 0;
  }
}

// Traps that do one thing after the other, and stay with what they have done.
constexpr const char* kBetween[] = {
    "allocate-grow",    "allocate-name", "check-in-grow",  // the table has grown
    "request-",          // the right to be notified with is consumed (ports 6.2)
    "thread-self",       // the thread has its port
    "insert-elsewhere",  // as a right in a message: consumed (ports 7.13)
    "extract-",          // the right is taken, then destroyed, as one in a message (ports 7.14)
    "kernel-",          "send-kernel",  // asked, and no memory for the answer: the reply port is told
};

// The codes that say that something is lost: a body that was taken in part (D of messages 4), a message of
// which pieces are missing (H, R), one that came back to its sender with pieces missing (B with bits).
bool says_lost(int code) {
  constexpr int kBits = MACH_MSG_IPC_KERNEL | MACH_MSG_IPC_SPACE | MACH_MSG_VM_KERNEL | MACH_MSG_VM_SPACE;
  if (code == MACH_MSG_VM_KERNEL) return true;
  switch (code & ~kBits) {
    case MACH_SEND_TIMED_OUT:
    case MACH_SEND_INTERRUPTED:
    case MACH_RCV_HEADER_ERROR:
    case MACH_RCV_BODY_ERROR:
      return (code & (MACH_MSG_IPC_KERNEL | MACH_MSG_VM_KERNEL)) != 0;
    default:
      return false;
  }
}

class Trial {
 public:
  Trial(const proof::Listed& listed, Row& row)
      : name_(listed.name),
        trap_(listed.trap != nullptr ? listed.trap : ""),
        row_(row),
        w_(*new World),
        scenario_(listed.make(w_)) {
    scenario_->stage();
    World::require(!testing::UnitTest::GetInstance()->ad_hoc_test_result().Failed(),
                   "what the scenario needs");
    void* memory = mmap(nullptr, sizeof(Told), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    World::require(memory != MAP_FAILED, "shared memory");
    told = new (memory) Told{};
  }

  void run() {
    const test::Image base(w_.segment());
    base_ = &base;
    before_ = proof::portrait(w_.segment());
    if (!trap({})) return;
    normal_ = *told;
    row_.reservations = normal_.asked;
    if (normal_.asked != 0 && normal_.answer == kUnknown && !is_tried_again())
      complain({}, "what it answers is not recorded");
    go_on();
    after_ = proof::portrait(w_.segment());
    for (uint32_t n = 1; try_refusal({n, n}); n++) {
    }
    for (uint32_t n = 1; try_refusal({n, UINT32_MAX}); n++) {
    }
    row_.done = 1;
  }

 private:
  void complain(const Refusal& which, const std::string& what) {
    row_.violations++;
    if (row_.findings == kFindings) return;
    snprintf(row_.finding[row_.findings++], sizeof row_.finding[0],
             "reservation %u%s refused, in %s: answer %#x: %s", which.first,
             which.last == which.first ? "" : " and all that follow",
             which.first == 0 ? "none" : proof::symbol_at(told->site).c_str(),
             static_cast<unsigned>(told->answer), what.c_str());
  }

  // False: it crashed or hung, and that has been said.
  bool trap(const Refusal& which) {
    *told = {};
    told->answer = kUnknown;
    const pid_t pid = fork();
    if (pid == 0) {
      prctl(PR_SET_PDEATHSIG, SIGKILL);
      refusal = which;
      w_.domain().last_answer = kUnknown;
      refuse_memory = refuse;
      scenario_->trap();
      refuse_memory = nullptr;
      told->answer = w_.domain().last_answer;
      told->ended = 1;
      _exit(0);
    }
    return wait_for(pid, which);
  }

  // Which of its sleeps it is in, on a list or on a lock; 0: in none.
  uint64_t sleep_of_victim() {
    const ThreadSlot& slot = w_.segment().slot(scenario_->victim());
    if (const uint64_t lock = slot.waits_on.load()) return lock << 32;
    return slot.frames[0].sleeping.load() != 0 ? slot.frames[0].epoch.get() : 0;
  }

  bool wait_for(pid_t pid, const Refusal& which) {
    const uint64_t until = monotonic_ns() + kHang;
    unsigned naps = 0;
    uint64_t slept_in = 0;
    for (int status = 0; waitpid(pid, &status, WNOHANG) == 0; usleep(50)) {
      const uint64_t sleep = scenario_->may_sleep() ? sleep_of_victim() : 0;
      if (sleep != 0 && sleep != slept_in) {
        // As if it were slow to wake: what it is woken for is not done before all of this is.
        kill(pid, SIGSTOP);
        waitpid(pid, &status, WUNTRACED);
        if (!WIFSTOPPED(status)) break;
        slept_in = sleep;
        scenario_->asleep(naps++);
        kill(pid, SIGCONT);
      }
      if (monotonic_ns() < until) continue;
      kill(pid, SIGKILL);
      waitpid(pid, nullptr, 0);
      complain(which, "it hangs");
      return false;
    }
    if (told->ended == 0) complain(which, "it crashed");
    return told->ended != 0;
  }

  // Has no answer, and is not over before it has succeeded: launchd's work, and what is left to launchd.
  bool is_tried_again() const { return strcmp(trap_, "launchd") == 0 || strcmp(trap_, "thread exit") == 0; }

  // There is room again: what was put off is done, as by the next trap of the thread, or by launchd.
  void go_on() {
    if (told->answer == kUnknown) {
      const Told first = *told;
      trap({});
      *told = first;
    }
    for (auto& task : w_.tasks()) {
      if (w_.segment().slot(task->thread().index()).state.load() == kSlotFree) continue;
      ipc::put_away(task->thread());
      settle(task->thread());
    }
    scenario_->afterwards();
    settle(w_.reaper());
  }

  std::string soundness() { return ipc::fsck(w_.segment()).text(); }

  // False: the trap has fewer reservations.
  bool try_refusal(const Refusal& which) {
    base_->restore_all(w_.segment());
    if (!trap(which)) return row_.findings < kFindings;
    if (told->refused == 0) return false;
    row_.injections++;
    note_site(told->site);
    if (scenario_->victim() == 0) complain(which, "no victim");
    judge(which);
    base_->restore_all(w_.segment());
    return row_.findings < kFindings;
  }

  bool between_is_the_rule() const {
    return std::any_of(std::begin(kBetween), std::end(kBetween),
                       [&](const char* prefix) { return strncmp(name_, prefix, strlen(prefix)) == 0; });
  }

  void note_site(uintptr_t site) {
    const uintptr_t* end = row_.sites + row_.sites_count;
    if (std::find(row_.sites, const_cast<uintptr_t*>(end), site) == end && row_.sites_count < kSitesMost)
      row_.sites[row_.sites_count++] = site;
  }

  void judge(const Refusal& which) {
    go_on();
    if (const std::string broken = soundness(); !broken.empty()) complain(which, "fsck: " + broken);
    const std::string now = proof::portrait(w_.segment());
    const int answer = told->answer;
    if (now == after_) {
      row_.finished++;
      if (answer != normal_.answer && before_ != after_ && !says_lost(answer))
        complain(which, "all is done, and it says otherwise");
    } else if (now == before_) {
      row_.undone++;
      if (answer != kUnknown && !is_shortage(answer))
        complain(which, "nothing is done, and this is no code for it");
      try_again(which);
    } else {
      row_.between++;
      if (!says_lost(answer) && !between_is_the_rule())
        complain(which, "neither as before nor as after:\n" + proof::difference(after_, now));
    }
    end_all(which);
  }

  void try_again(const Refusal& which) {
    const Told first = *told;
    if (!trap({})) return;
    const int again = told->answer;
    go_on();
    const std::string now = proof::portrait(w_.segment());
    *told = first;
    if (now != after_)
      complain(which, "works otherwise when there is room again:\n" + proof::difference(after_, now));
    if (again != normal_.answer) complain(which, "answers otherwise when there is room again");
  }

  void end_all(const Refusal& which) {
    scenario_->clear_away();
    for (auto& task : w_.tasks()) w_.end_task(*task);
    if (const std::string broken = soundness(); !broken.empty())
      complain(which, "in the end, fsck: " + broken);
    const std::vector<uint32_t> left = w_.census();
    for (size_t zone = 0; zone < kMaxZones; zone++)
      if (left[zone] != w_.fresh()[zone])
        complain(which, std::to_string(left[zone]) + " elements of zone " + std::to_string(zone) +
                            " in the end, not " + std::to_string(w_.fresh()[zone]));
  }

  const char* name_;
  const char* trap_;
  Row& row_;
  World& w_;
  std::unique_ptr<Scenario> scenario_;
  const test::Image* base_ = nullptr;
  Told normal_{};
  std::string before_, after_;
};

}  // namespace

void try_scenario(const proof::Listed& listed, Row& row) { Trial(listed, row).run(); }

}  // namespace portolan::exhaustion
