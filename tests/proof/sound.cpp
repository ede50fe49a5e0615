// SPDX-License-Identifier: Apache-2.0
#include "proof/sound.hpp"

#include "ipc/fsck.hpp"

namespace portolan::proof {

void check_sound(const Segment& segment, Judge& judge, const char* when) {
  const Report report = ipc::fsck(segment);
  judge.expect(report.clean(), std::string(when) + ": " + report.text());
  for (uint32_t i = 1; i < segment.header().threads_high.load(); i++) {
    const ThreadSlot& slot = segment.slot(i);
    if (slot.state.load() == kSlotFree) continue;
    for (const Frame& frame : slot.frames) {
      const bool granted = frame.state >= ipc::kGrantMessage;
      if (granted && frame.wake.load() != frame.epoch)
        judge.expect(false, std::string(when) + ": thread " + std::to_string(i) +
                                " was granted something and not woken");
    }
  }
  for (uint32_t i = 1; i < segment.zone(ipc::kZonePort).carved; i++) {
    const Port& port = segment.at(Handle<Port>{i});
    if (port.allocated() && port.queue_head != 0 && port.receiver_head != 0)
      judge.expect(false, std::string(when) + ": a message waits, and a receiver waits for it");
    if (port.allocated() && port.active() && port.sender_head != 0 && port.msgcount < port.qlimit)
      judge.expect(false, std::string(when) + ": there is room, and a sender waits for it");
  }
}

}  // namespace portolan::proof
