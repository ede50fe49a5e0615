// SPDX-License-Identifier: Apache-2.0
// EVFILT_SIGNAL (kqueue 7.7): how often the process was sent a signal. Linux tells nobody of signals that are
// sent, so they are counted as they arrive, in the library's handler, which stands in the place of whatever
// the program has there. Divergences: signals that are blocked count when they are unblocked, and then as one
// if Linux has merged them.
#include "kqueue/filters.hpp"
#include "kqueue/pulse.hpp"

namespace portolan::kq {
namespace {

constexpr uint64_t kSignals = 65;

struct SignalKnote : Knote {
  uint32_t told = 0;  // of signals_sent()
  // Numbers that are no signals never fire.
  bool real() const { return ident >= 1 && ident < kSignals; }
  int signal() const { return static_cast<int>(ident); }
};

class SignalFilter final : public FilterOf<SignalKnote> {
 public:
  constexpr SignalFilter() : FilterOf(false) {}

  int attach(Kqueue& kqueue, Knote& knote) const override {
    knote.flags |= EV_CLEAR;
    SignalKnote& signal = own(knote);
    if (!signal.real()) return 0;
    if (const int error = pulse_join(kqueue)) return error;
    signal.told = signals_sent(signal.signal());
    signal_count(signal.signal());
    return 0;
  }

  void detach(Kqueue& kqueue, Knote& knote) const override {
    SignalKnote& signal = own(knote);
    if (!signal.real()) return;
    signal_uncount(signal.signal());
    pulse_leave(kqueue);
  }

  int touch(Kqueue&, Knote&, const Event&) const override { return 0; }

  Verdict deliver(Kqueue&, Knote& knote, Event& out, DataArea&) const override {
    SignalKnote& signal = own(knote);
    if (!signal.real()) return Verdict::stale;
    const uint32_t sent = signals_sent(signal.signal());
    out.data = sent - signal.told;
    signal.told = sent;
    return out.data != 0 ? Verdict::holds : Verdict::stale;
  }

  static void look(Kqueue& kqueue, Knote& knote) {
    SignalKnote& signal = own(knote);
    if (signal.real() && !signal.detached() && signals_sent(signal.signal()) != signal.told)
      kqueue.activate(knote);
  }
};

constexpr SignalFilter g_filter;

}  // namespace

const Filter* filter_signal() { return &g_filter; }

void signal_beat(Kqueue& kqueue) {
  kqueue.each(EVFILT_SIGNAL, [&](Knote& knote) { SignalFilter::look(kqueue, knote); });
}

}  // namespace portolan::kq
