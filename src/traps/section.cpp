// SPDX-License-Identifier: Apache-2.0
#include "traps/section.hpp"

#include <new>

#include "traps/signals.hpp"

namespace portolan {

Section::Section() : context_(t_context), outer_(context_.section), covers_(outer_ == context_.covers) {
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

namespace {

// Of the thread that forks; a handler that forked in between would be put off, too.
alignas(Section) constinit thread_local unsigned char t_fork_section[sizeof(Section)] = {};

}  // namespace

void fork_section_begin() { new (t_fork_section) Section; }
void fork_section_end_in_parent() { std::launder(reinterpret_cast<Section*>(t_fork_section))->~Section(); }
void fork_section_end_in_child() {
  if (t_context.deferred != 0) signals_forget(t_context);
  fork_section_end_in_parent();
}

}  // namespace portolan
