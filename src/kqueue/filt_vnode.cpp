// SPDX-License-Identifier: Apache-2.0
// EVFILT_VNODE (kqueue 7.5): changes of files, as files.cpp finds them. `fflags` gathers whole hints; without
// EV_CLEAR they stay.
#include <errno.h>

#include "kqueue/files.hpp"

namespace portolan::kq {
namespace {

class VnodeFilter final : public FilterOf<FdKnote> {
 public:
  constexpr VnodeFilter() : FilterOf(true) {}

  int attach(Kqueue& kqueue, Knote& knote) const override {
    FdKnote& file = own(knote);
    if (!look_behind(file)) return EBADF;
    if (file.child != nullptr) file.child->release();
    file.child = nullptr;
    if (file.kind == Kind::socket || file.kind == Kind::pipe || file.kind == Kind::kqueue ||
        file.kind == Kind::other)
      return EINVAL;
    return file_watch(kqueue, file);
  }
  void detach(Kqueue& kqueue, Knote& knote) const override { file_unwatch(kqueue, own(knote)); }

  int touch(Kqueue& kqueue, Knote& knote, const Event& change) const override {
    knote.wanted = change.fflags;
    if (knote.fflags != 0) kqueue.activate(knote);
    return 0;
  }

  Verdict deliver(Kqueue&, Knote& knote, Event& out, DataArea&) const override {
    out.fflags = knote.fflags;
    return knote.fflags != 0 ? Verdict::holds : Verdict::stale;
  }
};

constexpr VnodeFilter g_filter;

}  // namespace

const Filter* filter_vnode() { return &g_filter; }

}  // namespace portolan::kq
