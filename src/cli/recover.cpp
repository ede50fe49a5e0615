// SPDX-License-Identifier: Apache-2.0
// As launchd, this is a thread of the domain without a task. If we die here, we are recovered as any other.
#include "cli/recover.hpp"

#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "cli/command.hpp"
#include "segment/life.hpp"
#include "traps/founder.hpp"

namespace portolan::cli {

namespace {

constexpr unsigned kRounds = 50;

Segment g_segment;

// What recovery comes upon cannot be recovered.
void beyond_recovery(const char* what) {
  const char* const words[] = {"portolan fsck: the domain is lost: ", what,
                               "\nTry: end its programs (portolan ps)\n"};
  for (const char* text : words) (void)!write(2, text, strlen(text));
  declare_lost(g_segment);
  _exit(kFound);
}

void fault(int) {
  for (const int signal : {SIGSEGV, SIGBUS}) ::signal(signal, SIG_DFL);
  beyond_recovery("its memory is gone, or damaged");
}

Recovered recover_lost(const Source& source) {
  DomainError error;
  if (domain_remove(source.place(), kFounder, nullptr, 0, error)) return {true, 0, 0};
  throw Failure{kFound, "the domain is lost: nothing in it can be recovered",
                "end its programs: portolan ps"};
}

}  // namespace

Recovered recover(const Source& source) {
  if (!source.live()) throw Failure{kUsage, "a copy cannot be recovered", "portolan fsck --recover"};
  if (source.segment().header().lost.load() != 0) return recover_lost(source);
  Thread self;
  LifeLink life;
  DomainError error;
  if (!domain_enter(source.place(), DomainEntry::join, kFounder, g_segment, self, error))
    throw failure_of(error);
  for (const int signal : {SIGSEGV, SIGBUS}) ::signal(signal, fault);
  kernel_lost = beyond_recovery;
  life_enter(life, g_segment.life(self.index()));
  const uint32_t before = g_segment.header().recovered.load();
  uint64_t ended = 0;
  Reaper reaper;
  reaper.inode = inode_mapped_at(g_segment.base());
  for (unsigned i = 0; i < kRounds; i++) {
    const Reaper::Census census = reaper.round(self);
    ended += census.ended;
    if (census.ended + census.dying == 0 && self.slot().work_head == 0) break;
  }
  const uint32_t recovered = g_segment.header().recovered.load() - before;
  life_leave(life);
  self.detach();
  life_left(life);
  domain_unmap(g_segment);
  return {false, recovered, ended};
}

}  // namespace portolan::cli
