// SPDX-License-Identifier: Apache-2.0
// launchd's second duty: the jobs of a domain (bootstrap 9 to 11). It loads, starts, stops and removes them,
// and answers launchctl. The first duty, the dead, goes before it in each round.
//
// What must outlive launchd is the kernel's (bootstrap/job.hpp) or in files (store.hpp); the rest, here, is
// made anew from these. If we die here: a job is written down before the kernel has it and struck out after
// the kernel has lost it; a process is recorded before it may run. So the next launchd loads what is written,
// adopts the processes that live, removes what nothing is written of, and starts nothing twice.
#pragma once

#include <poll.h>
#include <sys/resource.h>

#include <deque>
#include <memory>

#include "bootstrap/job.hpp"
#include "launchd/control.hpp"
#include "launchd/job_log.hpp"
#include "launchd/job_spec.hpp"
#include "launchd/path_watch.hpp"
#include "launchd/policy.hpp"
#include "launchd/sockets.hpp"
#include "launchd/start.hpp"
#include "launchd/store.hpp"

namespace portolan::launchd {

struct Job {
  JobSpec spec;
  Store::Entry entry;
  Handle<ipc::Job> kernel;
  bool server = false;      // made by create_server: nothing is written of it, the kernel has all
  uint32_t generation = 0;  // of a server's kernel job: it goes with its namespace

  pid_t pid = 0;  // 0: not running
  files::Descriptor process;
  uint64_t process_start = 0;  // as /proc has it
  bool child = false;          // of this launchd: an adopted one is not
  uint64_t over_ns = 0;        // when it was first seen to have ended, while nobody can tell how
  Standing standing;
  Stopping stopping;

  uint64_t interval_ns = 0;   // StartInterval: next; 0: none
  time_t calendar = -1;       // StartCalendarInterval: next
  uint64_t retry_ns = 0;      // no start before: the last try failed
  bool complained = false;    // of a program that is not there
  std::vector<Stamp> stamps;  // of WatchPaths
  std::vector<OpenSocket> sockets;
  uint64_t channel = 0;                 // Control client
  std::vector<uint64_t> waiters;        // clients that wait until it is gone
  std::vector<uint64_t> start_waiters;  // … until it is started
};

class Manager : private World {
 public:
  Manager(Segment& segment, const DomainPlace& place);
  ~Manager() override;

  // Goes on where the last launchd was killed; answers are given from now on.
  void begin(Thread& self);
  // Everything that is due. The next time that something will be: CLOCK_MONOTONIC, 0: nothing.
  uint64_t work(Thread& self);

  void descriptors(std::vector<pollfd>& fds);
  void attend(Thread& self, const std::vector<pollfd>& fds);

  // Jobs are loaded, or somebody asks: the domain stays.
  bool in_use() const;
  // Before the domain is removed: nobody may ask any more. True: nobody does, and nothing is loaded.
  bool close();
  void reopen();
  void hang_up() { control_.close(); }
  // The domain is lost, and this launchd ends at once: the next one will know nothing of these processes.
  void abandon();

  // All jobs are stopped; stopped(): they are. What is written of them stays, for the next launchd.
  void shut_down();
  bool stopped() const { return shutting_down_ && jobs_.empty(); }
  bool stands_down() const { return stands_down_; }  // another launchd is to take over

  JobLog& log() { return log_; }
  void inherit(const Variables& environment) { inherited_ = environment; }

 private:
  // -- manager.cpp: a job's life
  int load(Thread& self, const Value& job, const std::string& file, std::vector<Mistake>& mistakes,
           std::string& label);
  bool enlist(Thread& self, Job& job, std::vector<Mistake>& mistakes, bool again);
  void prepare(Job& job);
  void make_sockets(Job& job);
  void start_if_due(Thread& self, Job& job, uint64_t now);
  void start(Thread& self, Job& job, const char* reason, uint64_t now);
  void stop(Job& job);
  void stop_further(Thread& self, Job& job, uint64_t now);
  void ended(Thread& self, Job& job, uint32_t status);
  void look_at_process(Thread& self, Job& job);
  void remove(Job& job);  // in this round, or when its process has ended
  void take_out(Thread& self, Job& job);
  void strike_out(Thread& self);
  void restore(Thread& self, Store::Entry entry);
  void go_on(Thread& self, Job& job);
  void remove_unwritten(Thread& self);
  void note(Level level, const Job& job, const std::string& text);
  void tell(const std::vector<Mistake>& mistakes);
  Job* find(const std::string& label);
  const Job* find(const std::string& label) const;
  Variables environment_of_all() const;

  // -- servers.cpp: the jobs that create_server made (bootstrap 5.2)
  void adopt_servers(Thread& self);
  void look_at_server(Job& job);

  // -- triggers.cpp: what makes a job start
  void look_around(Job& job, uint64_t now);
  void look_at_timers(Job& job, uint64_t now);
  void look_at_paths(Job& job);
  void watch_paths();
  void look_at_mounts(const std::vector<pollfd>& fds);
  uint64_t next_due(const Job& job, uint64_t now) const;
  bool path_exists(const std::string& path) const override;
  bool directory_filled(const std::string& path) const override;
  bool job_loaded(const std::string& label) const override;
  bool job_active(const std::string& label) const override;
  bool network_up() const override;

  // -- requests.cpp: what launchctl asks
  void serve(Thread& self, const Asker& asker, const Value& request);
  Value answer_to(Thread& self, const Asker& asker, const Value& request, bool& later);
  Value serve_load(Thread& self, const Value& request);
  Value serve_unload(const Asker& asker, const Value& request, bool& later);
  Value serve_kickstart(const Asker& asker, const Value& request, bool& later);
  Value serve_list(const Value& request);
  Value serve_print(const Value& request);
  Value serve_environment(const Value& request, const std::string& verb);
  Value serve_limit(const Value& request);
  Value serve_log(const Value& request);
  Value job_dictionary(const Job& job) const;
  void check_in(const Asker& asker);
  bool overridden(const std::string& label, bool& disabled) const;
  bool override_label(const std::string& label, bool disabled);

  Segment& segment_;
  std::string directory_;
  Store store_;
  Control control_;
  JobLog log_;
  PathWatch paths_;
  files::Descriptor mounts_;
  rlimit files_{};
  Variables inherited_;
  Variables own_;  // what setenv set
  Value overrides_;
  std::vector<std::unique_ptr<Job>> jobs_;   // in the order in which they were loaded
  std::vector<Handle<ipc::Job>> to_remove_;  // the kernel had no memory to
  mutable uint64_t network_looked_ = 0;
  mutable bool network_up_ = false;
  int64_t wall_clock_ = 0;
  bool shutting_down_ = false, stands_down_ = false;
};

}  // namespace portolan::launchd
