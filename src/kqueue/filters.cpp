// SPDX-License-Identifier: Apache-2.0
#include "kqueue/filters.hpp"

namespace portolan::kq {

const Filter* filter_of(int16_t filter) {
  switch (filter) {
    case EVFILT_READ:
      return filter_read();
    case EVFILT_WRITE:
      return filter_write();
    case EVFILT_EXCEPT:
      return filter_except();
    case EVFILT_VNODE:
      return filter_vnode();
    case EVFILT_PROC:
      return filter_proc();
    case EVFILT_SIGNAL:
      return filter_signal();
    case EVFILT_TIMER:
      return filter_timer();
    case EVFILT_MACHPORT:
      return filter_machport();
    case EVFILT_FS:
      return filter_fs();
    case EVFILT_USER:
      return filter_user();
    default:
      return nullptr;
  }
}

}  // namespace portolan::kq
