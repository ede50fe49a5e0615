// SPDX-License-Identifier: Apache-2.0
#include "traps/section.hpp"

#include "traps/signals.hpp"

namespace portolan {

Section::Section() : context_(t_context), outer_(context_.section) {
  if (outer_ == 0) context_.section_sp = reinterpret_cast<uintptr_t>(this);
  context_.section = outer_ + 1;
  crash_fence();
}

Section::~Section() {
  crash_fence();
  context_.section = outer_;
  if (outer_ == 0 && __builtin_expect(context_.deferred != 0, 0)) signals_deliver(context_);
}

}  // namespace portolan
