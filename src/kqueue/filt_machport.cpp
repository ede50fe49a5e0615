// SPDX-License-Identifier: Apache-2.0
// EVFILT_MACHPORT (kqueue 7.10). The kernel tells when a message is queued on a port or set that is armed
// (port_watch.hpp); what is there is asked by a receive when the event is delivered, and a delivery that
// finds nothing arms it again.
//
// Divergence: the thread that is told keeps a process alive whose main thread has ended by pthread_exit.
#include <errno.h>
#include <mach/mach.h>
#include <mach/message.h>

#include "kqueue/filters.hpp"
#include "kqueue/port_watch.hpp"
#include "vm/usercopy.hpp"

namespace portolan::kq {
namespace {

constexpr uint32_t kModes = MACH_RCV_MSG | MACH_RCV_SYNC_PEEK;  // of a knote's life
// What of a knote's options a receive gets (kqueue 7.10).
constexpr uint32_t kHonoured =
    MACH_RCV_MSG | MACH_RCV_LARGE | MACH_RCV_LARGE_IDENTITY | MACH_RCV_VOUCHER | 0x0f000000;
constexpr uint32_t kHeader = sizeof(mach_msg_header_t);

// What a receive that takes nothing says: the size of the next message and the port that has it.
struct Peeked {
  mach_msg_return_t code = MACH_MSG_SUCCESS;
  uint32_t size = 0;
  mach_port_name_t port = MACH_PORT_NULL;
};

mach_port_name_t name_of(const Knote& knote) { return static_cast<mach_port_name_t>(knote.ident); }

Peeked peek(mach_port_name_t name) {
  mach_msg_header_t header{};
  Peeked peeked;
  peeked.code = mach_msg(&header, MACH_RCV_MSG | MACH_RCV_LARGE | MACH_RCV_LARGE_IDENTITY | MACH_RCV_TIMEOUT,
                         0, kHeader, name, 0, MACH_PORT_NULL);
  peeked.size = header.msgh_size;
  peeked.port = header.msgh_local_port;
  return peeked;
}

// Did a receive find a message, whatever became of it?
bool found_message(mach_msg_return_t code) {
  return code == MACH_MSG_SUCCESS || code == MACH_RCV_TOO_LARGE || code == MACH_RCV_INVALID_DATA ||
         (code & ~MACH_MSG_MASK) == MACH_RCV_HEADER_ERROR || (code & ~MACH_MSG_MASK) == MACH_RCV_BODY_ERROR;
}

uint32_t trailer_size(uint32_t options) {
  const uint32_t elements = options >> 24 & 0xf;
  static constexpr uint32_t kSizes[] = {8, 12, 20, 52, 60};
  return elements < 5 ? kSizes[elements] : sizeof(mach_msg_max_trailer_t);
}

class PortFilter final : public FilterOf<Knote> {
 public:
  constexpr PortFilter() : FilterOf(false) {}

  int attach(Kqueue& kqueue, Knote& knote) const override {
    if (const int error = port_watch(kqueue, name_of(knote))) return error;
    kqueue.shared.ports++;
    kqueue.activate(knote);  // it is armed once a delivery finds nothing
    return 0;
  }

  void detach(Kqueue& kqueue, Knote& knote) const override {
    kqueue.shared.ports--;
    port_unwatch(kqueue, name_of(knote));
  }

  int touch(Kqueue& kqueue, Knote& knote, const Event& change) const override {
    if (((change.fflags ^ knote.wanted) & kModes) != 0) return EINVAL;
    knote.wanted = change.fflags;
    knote.ext[0] = change.ext[0];
    knote.ext[1] = change.ext[1];
    kqueue.activate(knote);
    return 0;
  }

  Verdict deliver(Kqueue& kqueue, Knote& knote, Event& out, DataArea& area) const override {
    // An edge is told of what comes after this look, whether the program drains it or not.
    if ((knote.flags & EV_CLEAR) != 0) port_arm(kqueue, name_of(knote), ipc::Arm::always);
    for (;;) {
      const Look found = look(knote, out, area);
      // What was received may have been all.
      const bool received = found == Look::message && (knote.wanted & MACH_RCV_MSG) != 0 && knote.level();
      if (found == Look::message && !received) return Verdict::holds;
      if (found == Look::gone) return gone(kqueue, knote, out);
      switch (port_arm(kqueue, name_of(knote), ipc::Arm::if_empty)) {
        case ipc::Armed::armed:
          return received ? Verdict::last : Verdict::stale;
        case ipc::Armed::gone:
          return received ? Verdict::holds : gone(kqueue, knote, out);
        case ipc::Armed::ready:
          if (received) return Verdict::holds;
      }
    }
  }

 private:
  enum class Look { message, nothing, gone };

  // Fills `out` in if there is a message.
  static Look look(const Knote& knote, Event& out, DataArea& area) {
    const bool receives = (knote.wanted & MACH_RCV_MSG) != 0;
    if (receives && knote.ext[1] >= kHeader) return receive_into_buffer(knote, out);
    const Peeked peeked = peek(name_of(knote));
    if (peeked.code == MACH_RCV_TIMED_OUT) return Look::nothing;
    if (peeked.code != MACH_RCV_TOO_LARGE) return Look::gone;
    if (!receives) {
      out.data = peeked.port;
      return Look::message;
    }
    return knote.ext[1] == 0 ? receive_into_area(knote, peeked, out, area) : too_small(knote, peeked, out);
  }

  static Verdict gone(Kqueue& kqueue, Knote& knote, Event& out) {
    if ((knote.status & kReqVanish) != 0) {
      kqueue.vanish(knote);
      return Verdict::stale;
    }
    knote.flags |= EV_EOF | EV_ONESHOT;
    out.ext[0] = out.ext[1] = 0;
    return Verdict::holds;
  }

  static uint32_t options_of(const Knote& knote) { return knote.wanted & kHonoured; }

  static mach_msg_return_t receive(const Knote& knote, uint32_t options, uint64_t buffer, uint64_t room) {
    const auto size = static_cast<mach_msg_size_t>(room > UINT32_MAX ? UINT32_MAX : room);
    return mach_msg(reinterpret_cast<mach_msg_header_t*>(buffer),
                    static_cast<mach_msg_option_t>(options | MACH_RCV_TIMEOUT), 0, size, name_of(knote), 0,
                    MACH_PORT_NULL);
  }

  // What is in a buffer after a receive: a message, the bare header of one that was destroyed, or of one that
  // stays its size and port.
  static void describe(uint32_t options, mach_msg_return_t code, uint64_t buffer, Event& out) {
    mach_msg_header_t header{};
    const bool readable = vm::copy_from_user(&header, reinterpret_cast<const void*>(buffer), kHeader);
    out.fflags = static_cast<uint32_t>(code);
    out.ext[0] = buffer;
    out.ext[1] = 0;
    if (!readable) return;
    if (code == MACH_RCV_TOO_LARGE && (options & MACH_RCV_LARGE) != 0) {
      out.ext[1] = header.msgh_size;
      out.data = (options & MACH_RCV_LARGE_IDENTITY) != 0 ? header.msgh_local_port : 0;
    } else {
      out.ext[1] = uint64_t{header.msgh_size} + trailer_size(options);
    }
  }

  static Look receive_into_buffer(const Knote& knote, Event& out) {
    const uint32_t options = options_of(knote);
    const mach_msg_return_t code = receive(knote, options, knote.ext[0], knote.ext[1]);
    if (code == MACH_RCV_TIMED_OUT) return Look::nothing;
    if (!found_message(code)) return Look::gone;
    describe(options, code, knote.ext[0], out);
    return Look::message;
  }

  // A buffer with no room for a header: nothing can be said in it.
  static Look too_small(const Knote& knote, const Peeked& peeked, Event& out) {
    const uint32_t options = options_of(knote);
    out.fflags = static_cast<uint32_t>(receive(knote, options, knote.ext[0], knote.ext[1]));
    out.ext[0] = knote.ext[0];
    out.ext[1] = (options & MACH_RCV_LARGE) != 0 ? peeked.size : 0;
    out.data = (options & MACH_RCV_LARGE_IDENTITY) != 0 ? peeked.port : 0;
    return Look::message;
  }

  static Look receive_into_area(const Knote& knote, const Peeked& peeked, Event& out, DataArea& area) {
    const uint32_t options = options_of(knote) | MACH_RCV_LARGE | MACH_RCV_LARGE_IDENTITY;
    const uint64_t whole = (uint64_t{peeked.size} + trailer_size(options) + 7) & ~uint64_t{7};
    const uint64_t room = area.left >= whole ? whole : 0;
    const uint64_t buffer = area.from_the_end ? area.address + (area.left - room) : area.address;
    if (room == 0) {
      out.fflags = static_cast<uint32_t>(MACH_RCV_TOO_LARGE);
      out.ext[0] = buffer;
      out.ext[1] = peeked.size;
      out.data = peeked.port;
      return Look::message;
    }
    const mach_msg_return_t code = receive(knote, options, buffer, room);
    if (code == MACH_RCV_TIMED_OUT) return Look::nothing;  // another thread was quicker
    if (!found_message(code)) return Look::gone;
    describe(options, code, buffer, out);
    if (code == MACH_MSG_SUCCESS) {
      area.left -= room;
      if (!area.from_the_end) area.address += room;
    }
    return Look::message;
  }
};

constexpr PortFilter g_filter;

}  // namespace

const Filter* filter_machport() { return &g_filter; }

}  // namespace portolan::kq
