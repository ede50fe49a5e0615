// SPDX-License-Identifier: Apache-2.0
// What happens to this process as a whole and is noticed in a signal handler or around a fork: signals that
// were sent to it, children that it made. Counts that only grow, and one eventfd that every interested queue
// watches by edge; nobody ever reads it, so each beat reaches all.
#pragma once

#include <cstdint>

namespace portolan::kq {

class Kqueue;

// How often the process was sent a signal since the first queue watched it.
uint32_t signals_sent(int signal);
uint32_t forks_made();

// The queue's knotes of EVFILT_SIGNAL and EVFILT_PROC are looked at after each beat. 0 or errno; with the
// queue's lock. Each success is to be given back.
int pulse_join(Kqueue& kqueue);
void pulse_leave(Kqueue& kqueue);

// One more knote counts a signal, or one fewer.
void signal_count(int signal);
void signal_uncount(int signal);

// Around a fork (descriptors.cpp).
void pulse_before_fork();
void pulse_in_parent();
void pulse_in_child();

}  // namespace portolan::kq
