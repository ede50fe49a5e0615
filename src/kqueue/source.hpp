// SPDX-License-Identifier: Apache-2.0
// A descriptor that a queue watches through epoll: the program's own, with the knotes on it, or one that
// stands for something else (a timer, a process, …).
//
// epoll has one entry for a descriptor. Its mode follows from what is on it:
//   level     all knotes are level-triggered. epoll keeps the entry ready for as long as the object is, and
//             asks the object itself. The cheapest way, and the usual one.
//   one-shot  a single knote, with EV_DISPATCH: epoll disables the entry as it reports it, without a call.
//   edge      everything else. epoll tells once of each arrival, as Darwin's objects do; what stays ready is
//             kept on the queue's own list. Also where the object's idea of ready is not the knote's (a
//             low-water mark): in level mode epoll would wake us for ever.
#pragma once

#include <cstdint>

namespace portolan::kq {

class Kqueue;
struct Knote;

struct Source {
  using Ready = void (*)(Kqueue&, Source&);

  int fd = -1;
  uint32_t generation = 0;  // tells a late report from one of this source
  uint32_t armed = 0;       // what epoll was asked for; 0: it has no entry
  uint32_t revents = 0;     // what it said last …
  uint32_t pass = 0;        // … in which pass
  bool strict = false;      // always by edge
  Knote* knotes = nullptr;
  Ready ready = nullptr;  // null: the program's descriptor, its knotes are told
  void* owner = nullptr;
};

}  // namespace portolan::kq
