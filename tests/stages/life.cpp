// SPDX-License-Identifier: Apache-2.0
#include "stages/life.hpp"

#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "task/reaper.hpp"

#ifndef MADV_WIPEONFORK
#define MADV_WIPEONFORK 18
#endif

namespace portolan::stages {

const Life kLives[] = {
    {"found", "the first process of a domain makes it", "arrives", Begins::loaded, true, true},
    {"arrives", "a program joins as it is loaded", "arrives", Begins::loaded, false, true},
    {"forks", "a task forks", "forks", Begins::where_it_says, false, true},
    {"fork-child", "a fork's child joins", "fork-child", Begins::in_child, false, true},
    {"raw-child", "a child made around the library joins at its first trap", "raw-child", Begins::in_child,
     false, true},
    {"execs", "a task becomes another program", "execs", Begins::where_it_says, false, true},
    {"execed", "that program joins", "execs", Begins::execed, false, true},
    {"spawns", "a task spawns a program", "spawns", Begins::where_it_says, false, true},
    {"ends", "a task ends", "ends", Begins::where_it_says, false, true},
    {"attaches", "the first trap of another thread", "attaches", Begins::where_it_says, false, true},
    {"detaches", "a thread ends", "detaches", Begins::where_it_says, false, true},
    {"grows", "the table of names grows", "grows", Begins::where_it_says, false, true},
    {"sends", "a message, sent and received", "sends", Begins::where_it_says, false, false},
    {"sends-memory", "memory out of line, sent and received", "sends-memory", Begins::where_it_says, false,
     true},
    {"waits", "a receiver waits, and nothing comes", "waits", Begins::where_it_says, false, false},
    {"waits-for-count", "so does one that waits for a semaphore", "waits-for-count", Begins::where_it_says,
     false, false},
    {"is-woken", "a receiver waits, and is woken", "is-woken", Begins::where_it_says, false, true},
    {"wakes", "a sender wakes", "wakes", Begins::where_it_says, false, false},
    {"moves", "a port moves into a set and out of it", "moves", Begins::where_it_says, false, false},
    {"looks-up", "a service is looked up", "looks-up", Begins::where_it_says, false, false},
    {"has-memory", "memory is allocated, protected, looked at, given back", "has-memory",
     Begins::where_it_says, false, false},
    {"others-memory", "another task's memory is read and written", "others-memory", Begins::where_it_says,
     false, false},
    {"tells", "what a task says of itself", "tells", Begins::where_it_says, false, false},
    {"watches", "a kqueue with a set and a timer", "watches", Begins::where_it_says, false, false},
    {"launchd", "launchd starts, and clears up behind a dead task", "", Begins::launchd, false, true},
};
const unsigned kLivesCount = sizeof kLives / sizeof *kLives;

namespace {

// The library's own page is what it makes first.
bool loads(const Call& call) { return call.number == SYS_madvise && call.arguments[2] == MADV_WIPEONFORK; }
bool names_itself(const Call& call) { return call.number == SYS_prctl && call.arguments[0] == PR_SET_NAME; }

}  // namespace

bool launchd_rests(const Call& call) {
#ifdef SYS_poll
  if (call.number == SYS_poll) return true;
#endif
  return call.number == SYS_ppoll;
}

std::unique_ptr<Traced> begin_life(const Life& life, const std::string& directory, std::string& failure) {
  const bool launchd = life.begins == Begins::launchd;
  const Traced::Arguments words = launchd ? Traced::Arguments{PORTOLAN_LAUNCHD, directory}
                                          : Traced::Arguments{lives_program(), life.program};
  const Tracing tracing =
      launchd || life.begins == Begins::loaded ? Tracing::from_start : Tracing::when_asked;
  auto it = std::make_unique<Traced>(directory, words, tracing);
  bool there = it->alive() && it->failure().empty();
  if (there && life.begins == Begins::execed) there = it->to_exec();
  if (there && (life.begins == Begins::execed || life.begins == Begins::loaded)) there = it->to_call(loads);
  if (there && launchd) there = it->to_call(names_itself);
  if (there && life.begins == Begins::in_child) there = it->to_child();
  if (there) return it;
  failure = "it does not begin: " + it->failure() + " " + it->said();
  return nullptr;
}

bool bereave(const Scene& scene) {
  user::Program dead(scene.domain(), "lives", {"leaves"});
  const bool left = dead.line() == "left";
  scene.hold();
  const pid_t launchd = scene.launchd();
  if (launchd > 0) kill(launchd, SIGKILL);
  while (launchd > 0 && !process_gone(static_cast<uint32_t>(launchd), 0)) usleep(500);
  dead.kill_hard();
  return left;
}

std::string wrong_alone(const user::Domain& domain) {
  {
    user::Program server(domain, "lives", {"serves"});
    if (server.line() != "serves") return "nobody can serve there";
    if (!visited(domain)) return "a stranger cannot be served";
    if (domain.fsck() != 0) return "the domain is not sound";
  }
  for (int i = 0; i < 1000 && access(domain.path().c_str(), F_OK) == 0; i++) usleep(10000);
  return access(domain.path().c_str(), F_OK) == 0 ? "something is left of the domain" : "";
}

}  // namespace portolan::stages
