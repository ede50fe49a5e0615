// SPDX-License-Identifier: Apache-2.0
// May a job start, when, and why; how it is stopped; what its end was (bootstrap 9.1 to 9.4, 10.3). Functions
// of what they are given: they look at nothing and change nothing, so each rule has a test.
#pragma once

#include <cstdint>
#include <string>

#include "launchd/job_spec.hpp"

namespace portolan::launchd {

inline constexpr uint64_t kSecond = 1'000'000'000;
inline constexpr uint32_t kStatusUnknown = 0xffff'ffff;  // nobody saw how it ended

// A job's past and present. Times are CLOCK_MONOTONIC.
struct Standing {
  bool running = false;   // its process lives
  bool removing = false;  // it goes when its process has ended
  bool kicked = false;    // something happened that starts it, whatever holds by then
  uint32_t runs = 0;
  uint64_t started_ns = 0;   // last; 0: never
  uint32_t status = 0;       // of the last run, as wait(2) has it, or kStatusUnknown
  bool was_stopped = false;  // that run was ended by launchd
  bool unthrottled = false;  // made by create_server
  bool messages = false;     // a service at home has some
  bool held = false;         // a service is held outside: the job counts as active
  bool connection = false;   // a socket is ready
  bool wanted = true;        // of a server: nobody holds its server port any more
};

// What KeepAlive's conditions are about.
class World {
 public:
  virtual ~World() = default;
  virtual bool path_exists(const std::string& path) const = 0;
  virtual bool directory_filled(const std::string& path) const = 0;
  virtual bool job_loaded(const std::string& label) const = 0;
  virtual bool job_active(const std::string& label) const = 0;
  virtual bool network_up() const = 0;
};

struct Decision {
  enum class Act { stay, start, later } act = Act::stay;
  uint64_t at_ns = 0;            // later: not before
  const char* reason = nullptr;  // start, later: why
};
Decision decide(const JobSpec& job, const Standing& standing, const World& world, uint64_t now_ns);

// Does loading it start it?
bool starts_at_load(const JobSpec& job);

bool crashed(uint32_t status, bool was_stopped);
bool successful(uint32_t status);

// How far stopping has come. The clock starts with SIGTERM.
struct Stopping {
  bool asked = false;
  uint64_t terminated_ns = 0;  // when SIGTERM was sent; 0: not yet
  uint64_t killed_ns = 0;      // when SIGKILL was
};
enum class StopStep { wait, terminate, kill, give_up };
struct NextStop {
  StopStep step = StopStep::wait;
  uint64_t at_ns = 0;  // wait: until then; 0: for ever
};
NextStop next_stop(const JobSpec& job, const Stopping& stopping, uint64_t now_ns);

}  // namespace portolan::launchd
