// SPDX-License-Identifier: Apache-2.0
// The filters, each in the file of its name.
#pragma once

#include <new>

#include "kqueue/kqueue.hpp"

namespace portolan::kq {

// A filter whose knotes are of the type K.
template <class K>
class FilterOf : public Filter {
 public:
  using Filter::Filter;
  Knote* make() const override { return new (std::nothrow) K; }
  void free(Knote* knote) const override { delete static_cast<K*>(knote); }

 protected:
  static K& own(Knote& knote) { return static_cast<K&>(knote); }
  ~FilterOf() = default;
};

const Filter* filter_read();
const Filter* filter_except();
const Filter* filter_write();
const Filter* filter_vnode();
const Filter* filter_proc();
const Filter* filter_signal();
const Filter* filter_timer();
const Filter* filter_user();
const Filter* filter_fs();
const Filter* filter_machport();

// After a beat of the pulse: looks at all knotes of the queue.
void signal_beat(Kqueue& kqueue);
void proc_beat(Kqueue& kqueue);

}  // namespace portolan::kq
