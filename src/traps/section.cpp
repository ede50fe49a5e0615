// SPDX-License-Identifier: Apache-2.0
#include "traps/section.hpp"

#include "traps/signals.hpp"

namespace portolan {

Section::Section()
    : context_(t_context), outer_(context_.section), covers_(outer_ == context_.covers) {
  context_.section = outer_ + 1;
  if (covers_) context_.covers = outer_ + 1;
  crash_fence();
}

Section::~Section() {
  crash_fence();
  context_.section = outer_;
  if (covers_) context_.covers = outer_;
  if (outer_ == 0 && __builtin_expect(context_.deferred != 0, 0)) signals_deliver(context_);
}

}  // namespace portolan
