// SPDX-License-Identifier: Apache-2.0
// Into the kernel and out again.
//
// If we die here: the life word is marked, and whatever the kernel's functions left is recovered by others.
// If a handler of a kind that we do not know jumps out of here: the next trap, or the thread's end, finds the
// section abandoned.
#include "traps/trap.hpp"

#include "ipc/kernel.hpp"
#include "ipc/space.hpp"
#include "segment/futex.hpp"
#include "segment/guard.hpp"
#include "segment/recovery.hpp"
#include "task/task.hpp"
#include "traps/process.hpp"
#include "traps/signals.hpp"
#include "traps/trap_nested.hpp"

namespace portolan {

uint32_t (*g_record_site)(Thread& self) = nullptr;

namespace {

constexpr uint32_t kLookAfter = 512;  // traps of a thread between two looks after launchd

bool launchd_alive(const Segment& segment) {
  const uint32_t launchd = segment.header().launchd.load();
  return launchd != 0 && !segment.is_dead(launchd);
}

}  // namespace

Trap::Trap() : context_(t_context) {
  outer_ = context_.section;
  context_.section = outer_ + 1;
  crash_fence();
  enter();
}

void Trap::enter() {
  const bool alone = outer_ == context_.covers;
  if (alone) context_.section_sp = reinterpret_cast<uintptr_t>(this);
  const bool known = g_process != nullptr && context_.epoch != 0 && context_.epoch == g_process->epoch.load();
  if (!known && !runtime_enter(context_)) return;
  Process& process = *g_process;
  if (process.lost != 0) return;
  rights_ = guard_open();
  const Header& header = process.segment.header();
  if (header.lost.load() != 0) {
    guard_close(rights_);
    return;
  }
  Thread& self = context_.thread;
  ThreadSlot& slot = self.slot();
  if (!alone && !nest()) {
    guard_close(rights_);
    return;
  }
  if ((slot.log_length.load() | slot.held_count.load()) != 0) recover_own_section(self);
  self.interrupt_seen = context_.interrupts;
  const uint32_t cpu = current_cpu();
  if (slot.cpu.load() != cpu) slot.cpu.store(cpu);
  self.site = 0;
  if (g_record_site != nullptr && (settings().sites || (header.flags.load() & kDomainSites) != 0))
    self.site = g_record_site(self);
  ok_ = true;
}

// Only a handler that we know nothing of gets here: on top of a trap, or after a jump out of one.
bool Trap::nest() {
  Thread& self = context_.thread;
  switch (trap_below(context_)) {
    case Below::busy:
      return false;
    case Below::asleep:
      self.slot().depth.init(self.slot().depth + 1);
      self.sleeps = false;
      seen_below_ = self.interrupt_seen;
      return true;
    case Below::gone:
      break;
  }
  runtime_abandoned(context_);
  rights_ = guard_closed(rights_);
  outer_ = 0;
  context_.covers = 0;
  context_.section = 1;
  context_.section_sp = reinterpret_cast<uintptr_t>(this);
  return true;
}

Trap::~Trap() {
  if (ok_) {
    Thread& self = context_.thread;
    if (__builtin_expect(self.left_in_hand, false)) ipc::put_away(self);
    if (self.slot().work_head != 0) settle(self);
    if (++context_.trap_count % kLookAfter == 0 && !launchd_alive(self.segment())) launchd_stand_in(self);
    if (outer_ != context_.covers) {
      self.slot().depth.init(self.slot().depth - 1);
      self.sleeps = true;
      self.interrupt_seen = seen_below_;
    }
    guard_close(rights_);
  }
  crash_fence();
  context_.section = outer_;
  if (outer_ == 0 && __builtin_expect(context_.deferred != 0, 0)) signals_deliver(context_);
}

Target<ipc::Task> Trap::task_named(mach_port_name_t value, Strength least) const {
  const ipc::Name name{value};
  const Segment& segment = g_process->segment;
  // One's own task port: an entry that says so now is as good as any answer.
  const ipc::Space& own = segment.at(g_process->space);
  if (name.index() != 0 && name.index() < own.table_size) {
    const ipc::Entry& entry = ipc::entry_at(segment, g_process->space, name.index());
    if (entry.generation() == name.generation() && entry.has(ipc::kTypeSend) &&
        entry.object == g_process->task_port)
      return g_process->task;
  }
  if (!name.valid()) return {};
  return task_of_name(context_.thread, g_process->space, name, least);
}

Target<ipc::Space> Trap::space_of(Target<ipc::Task> task) const {
  if (!task) return {};
  if (task.handle == g_process->task) return g_process->space;
  return space_of_task(context_.thread, task);
}

}  // namespace portolan
