// SPDX-License-Identifier: Apache-2.0
// EVFILT_USER (kqueue 7.9): events that the program makes itself. The state that NOTE_TRIGGER sets is the
// knote's `triggered`; `wanted` is the stored value.
#include "kqueue/filters.hpp"

namespace portolan::kq {
namespace {

struct UserKnote : Knote {
  bool triggered = false;
};

class UserFilter final : public FilterOf<UserKnote> {
 public:
  constexpr UserFilter() : FilterOf(false) {}

  // Stored as given, the control bits too.
  int attach(Kqueue& kqueue, Knote& knote) const override {
    if ((knote.wanted & NOTE_TRIGGER) != 0) trigger(kqueue, knote);
    return 0;
  }
  void detach(Kqueue&, Knote&) const override {}

  int touch(Kqueue& kqueue, Knote& knote, const Event& change) const override {
    const uint32_t bits = change.fflags & NOTE_FFLAGSMASK;
    switch (change.fflags & NOTE_FFCTRLMASK) {
      case NOTE_FFAND:
        knote.wanted &= bits;
        break;
      case NOTE_FFOR:
        knote.wanted |= bits;
        break;
      case NOTE_FFCOPY:
        knote.wanted = bits;
        break;
      default:
        break;
    }
    knote.given = change.data;
    if ((change.fflags & NOTE_TRIGGER) != 0 || own(knote).triggered) trigger(kqueue, knote);
    return 0;
  }

  Verdict deliver(Kqueue&, Knote& knote, Event& out, DataArea&) const override {
    UserKnote& user = own(knote);
    if (!user.triggered) return Verdict::stale;
    out.fflags = user.wanted;
    out.data = user.given;
    if ((user.flags & EV_CLEAR) != 0) user.triggered = false;
    return Verdict::holds;
  }

 private:
  static void trigger(Kqueue& kqueue, Knote& knote) {
    own(knote).triggered = true;
    kqueue.activate(knote);
  }
};

constexpr UserFilter g_filter;

}  // namespace

const Filter* filter_user() { return &g_filter; }

}  // namespace portolan::kq
