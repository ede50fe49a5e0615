// SPDX-License-Identifier: Apache-2.0
#include "storm/crew.hpp"

#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>

#include "segment/futex.hpp"
#include "storm/life.hpp"

namespace portolan::storm {

namespace {

constexpr uint64_t kMillisecond = 1'000'000;
// By the storm's clock: a call that takes so long hangs.
constexpr uint64_t kHang = 30'000 * kMillisecond;
constexpr uint64_t kStopMost = 200 * kMillisecond;
// Between two looks of the master the storm's clock goes no further than this: where the machine, or all of
// us, stood still, or had other things to do, nobody is taken to hang.
constexpr uint64_t kTickMost = 50 * kMillisecond;

// One in so many strikes.
constexpr unsigned kOfLaunchd = 50, kStops = 4;

}  // namespace

Crew::Crew(Ledger& ledger, const View& view, uint64_t seed)
    : ledger_(ledger), view_(view), random_(seed), last_tick_(monotonic_ns()) {}

void Crew::fill() {
  for (unsigned i = 0; i < ledger_.places; i++) spawn(i);
}

void Crew::begin(unsigned index, uint32_t life) {
  Place& place = ledger_.place[index];
  place.ready = 0;
  place.client = 0;
  for (auto& doing : place.doing) doing.since = 0;
  place.heir = Heir{life}.word();
  place.life = life;
}

void Crew::spawn(unsigned index) {
  const uint32_t life = ++ledger_.next_life;
  if (life >= kLivesMost) return;
  ledger_.fate[life] = Fate::living;
  begin(index, life);
  const pid_t pid = fork();
  if (pid == 0) live(ledger_, index, life);
  ledger_.place[index].pid = pid;
}

// The process of a place has ended: its heir carries on, or somebody new.
void Crew::gone(unsigned index) {
  Place& place = ledger_.place[index];
  const Heir heir = Heir::of(place.heir.exchange(0));
  place.pid = 0;
  for (auto& doing : place.doing) doing.since = 0;
  if (heir.pid != 0) {
    place.pid = heir.pid;
    begin(index, heir.life);
  } else if (running()) {
    spawn(index);
  }
}

void Crew::kill_one(unsigned index) {
  Place& place = ledger_.place[index];
  Fate living = Fate::living;
  ledger_.fate[place.life].compare_exchange_strong(living, Fate::killed);
  struck_.killed_stopped += is_stopped(place.pid);
  ::kill(place.pid, SIGKILL);
  waitpid(place.pid, nullptr, 0);
  // An exec may just have made another life of it.
  living = Fate::living;
  ledger_.fate[place.life].compare_exchange_strong(living, Fate::killed);
  gone(index);
}

bool Crew::is_stopped(pid_t pid) const {
  return std::any_of(stopped_.begin(), stopped_.end(), [&](const Stopped& one) { return one.pid == pid; });
}

bool Crew::stop(pid_t pid) {
  if (is_stopped(pid) || ::kill(pid, SIGSTOP) != 0) return false;
  stopped_.push_back({pid, monotonic_ns() + random_() % kStopMost});
  return true;
}

void Crew::strike_launchd() {
  const pid_t launchd = view_.launchd();
  if (launchd == 0) return;
  if (random_() % kStops == 0) {
    struck_.launchd_stops += stop(launchd);
  } else if (::kill(launchd, SIGKILL) == 0) {
    struck_.kills++;
    struck_.launchd_kills++;
  }
}

void Crew::strike() {
  if (random_() % kOfLaunchd == 0) return strike_launchd();
  const auto index = static_cast<unsigned>(random_() % ledger_.places);
  Place& place = ledger_.place[index];
  if (place.pid == 0) return;
  // Most have begun to work when they are struck; some have not even joined.
  if (place.ready == 0 && random_() % 4 != 0) return;
  if (random_() % kStops == 0 && stop(place.pid)) {
    struck_.stops++;
    return;
  }
  kill_one(index);
  struck_.kills++;
}

void Crew::continue_all() {
  for (const Stopped& one : stopped_) ::kill(one.pid, SIGCONT);
  stopped_.clear();
}

void Crew::tick() {
  const uint64_t now = monotonic_ns();
  ledger_.clock += std::min(now - last_tick_, kTickMost);
  last_tick_ = now;
  std::erase_if(stopped_, [now](const Stopped& one) {
    if (one.until > now) return false;
    ::kill(one.pid, SIGCONT);
    return true;
  });
}

// Launchds, which become our children when their makers have ended, are buried with the others.
void Crew::reap() {
  int status = 0;
  for (pid_t pid; (pid = waitpid(-1, &status, WNOHANG)) > 0;) {
    for (unsigned i = 0; i < ledger_.places; i++) {
      Place& place = ledger_.place[i];
      if (place.pid != pid) continue;
      const Fate fate = ledger_.fate[place.life];
      const bool may = fate == Fate::left || (!running() && fate == Fate::finished);
      if (!may || !WIFEXITED(status) || WEXITSTATUS(status) != 0) {
        fprintf(stderr, "storm: process %d ended by itself, status %#x\n", pid,
                static_cast<unsigned>(status));
        struck_.failed++;
        ledger_.fate[place.life] = Fate::killed;
      }
      gone(i);
      break;
    }
  }
}

void Crew::look_for_hangs() {
  const uint64_t now = ledger_.clock;
  for (unsigned i = 0; i < ledger_.places; i++) {
    Place& place = ledger_.place[i];
    for (unsigned t = 0; t < kThreads && place.pid != 0; t++) {
      const uint64_t since = place.doing[t].since;
      if (since == 0 || now < since + kHang) continue;
      fprintf(stderr, "storm: process %d, life %u, hangs in %s\n", place.pid.load(), place.life.load(),
              text_at(place.doing[t].what));
      struck_.hung++;
      if (on_hang) on_hang();
      kill_one(i);
    }
  }
}

void Crew::watch() {
  tick();
  reap();
  look_for_hangs();
}

bool Crew::all(const std::function<bool(const Place&)>& holds) const {
  for (unsigned i = 0; i < ledger_.places; i++)
    if (ledger_.place[i].pid != 0 && !holds(ledger_.place[i])) return false;
  return true;
}

void Crew::end_the_rest() {
  for (unsigned i = 0; i < ledger_.places; i++) {
    Place& place = ledger_.place[i];
    if (place.pid == 0) continue;
    fprintf(stderr, "storm: process %d, life %u, does not leave\n", place.pid.load(), place.life.load());
    if (struck_.hung++ == 0 && on_hang) on_hang();
    kill_one(i);
  }
}

}  // namespace portolan::storm
