// SPDX-License-Identifier: Apache-2.0
// fsck: what kernel queues watch.
#include "ipc/fsck_walk.hpp"

namespace portolan::ipc {

void Walk::walk_watches() {
  for (uint32_t i = 1; i < carved_[kZoneSpace]; i++)
    if (exists<Space>(i)) walk_watches_of(i);
  for (uint32_t i = 1; i < carved_[kZonePort]; i++) {
    if (!exists<Port>(i) || !at<Port>(i).is(kPortWatched)) continue;
    const uint32_t watch = at<Port>(i).watch;
    if (!exists<Watch>(watch) || at<Watch>(watch).port != i)
      report_.add("W1", port_text(i), " is watched, but watch ", watch, " says otherwise");
  }
  for (uint32_t i = 1; i < carved_[kZonePset]; i++) {
    const uint32_t watch = exists<Pset>(i) ? at<Pset>(i).watch.get() : 0;
    if (watch != 0 && (!exists<Watch>(watch) || at<Watch>(watch).pset != i))
      report_.add("W1", "port set ", i, " is watched, but watch ", watch, " says otherwise");
  }
}

void Walk::walk_watches_of(uint32_t index) {
  const Space& space = at<Space>(index);
  if (space.watch_port != 0) {
    add_kernel(space.watch_port, {Holder::kKernel});
    if (exists<Port>(space.watch_port) && (at<Port>(space.watch_port).kobject_type != kKobjectWatch ||
                                           at<Port>(space.watch_port).kobject != index))
      report_.add("W2", port_text(space.watch_port), " is not the watch port of space ", index);
  }
  uint32_t fired = 0, before = 0;
  for (uint32_t walk = space.watches; walk != 0; walk = at<Watch>(walk).next) {
    if (!reach<Watch>(walk, "W2", "space", index)) return;
    const Watch& watch = at<Watch>(walk);
    if (watch.space != index || watch.prev != before || watch.state > kWatchFired || watch.users == 0)
      report_.add("W2", "space ", index, ": watch ", walk, " in its chain says otherwise");
    if (watch.state == kWatchFired) fired++;
    check_watch(walk);
    before = walk;
  }
  before = 0;
  for (uint32_t walk = space.fired_head; walk != 0; walk = at<Watch>(walk).fired_next) {
    if (!exists<Watch>(walk) || at<Watch>(walk).space != index || at<Watch>(walk).state != kWatchFired ||
        at<Watch>(walk).fired_prev != before || fired-- == 0) {
      report_.add("W2", "space ", index, ": the ring leads to watch ", walk);
      return;
    }
    before = walk;
  }
  if (fired != 0) report_.add("W2", "space ", index, ": ", fired, " fired watches are not on the ring");
  if (before != space.fired_tail) report_.add("W2", "space ", index, ": the ring does not end at its tail");
}

void Walk::check_watch(uint32_t index) {
  const Watch& watch = at<Watch>(index);
  const bool armed = watch.state == kWatchArmed;
  if (watch.port != 0) {
    if (!exists<Port>(watch.port) || at<Port>(watch.port).watch != index ||
        !at<Port>(watch.port).is(kPortWatched) || at<Port>(watch.port).receiver != watch.space)
      report_.add("W1", "watch ", index, ": ", port_text(watch.port), " says otherwise");
    else if (armed && at<Port>(watch.port).queue_head != 0)
      report_.add("W3", port_text(watch.port), " has messages, and watch ", index, " was not told");
  }
  if (watch.pset != 0) {
    if (!exists<Pset>(watch.pset) || at<Pset>(watch.pset).watch != index ||
        at<Pset>(watch.pset).space != watch.space)
      report_.add("W1", "watch ", index, ": port set ", watch.pset.get(), " says otherwise");
    else if (armed && at<Pset>(watch.pset).ready_head != 0)
      report_.add("W3", "port set ", watch.pset.get(), " has messages, and watch ", index, " was not told");
  }
}

}  // namespace portolan::ipc
