// SPDX-License-Identifier: Apache-2.0
// portolan info: the domain at a glance, and what this system has for it.
#include <mach/port.h>
#include <portolan_config.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <time.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

#include "cli/command.hpp"
#include "cli/json.hpp"
#include "cli/repeat.hpp"
#include "cli/source.hpp"
#include "cli/terminal.hpp"
#include "cli/waits.hpp"
#include "inspect/words.hpp"
#include "ipc/objects.hpp"

namespace portolan::cli {

using namespace inspect;

namespace {

std::string bytes_text(double bytes) {
  const char* units[] = {"B", "KiB", "MiB", "GiB", "TiB"};
  size_t unit = 0;
  while (bytes >= 1024 && unit < 4) {
    bytes /= 1024;
    unit++;
  }
  return (unit == 0 ? grouped(static_cast<uint64_t>(bytes)) : decimal(bytes)) + " " + units[unit];
}

std::string age_text(double seconds) {
  if (seconds < 60) return grouped(static_cast<uint64_t>(seconds)) + " s";
  if (seconds < 3600) return grouped(static_cast<uint64_t>(seconds / 60)) + " min";
  if (seconds < 86400) return grouped(static_cast<uint64_t>(seconds / 3600)) + " h";
  return plural(static_cast<uint64_t>(seconds / 86400), "day");
}

// Seconds since a process was started; negative when that cannot be read.
double process_age(uint32_t pid) {
  std::ifstream file("/proc/" + std::to_string(pid) + "/stat");
  std::string line;
  if (!std::getline(file, line)) return -1;
  const size_t close = line.rfind(')');
  if (close == std::string::npos) return -1;
  // Field 22; the first behind the name is field 3.
  std::istringstream fields(line.substr(close + 1));
  std::string field;
  for (int i = 3; i <= 22; i++) fields >> field;
  const double ticks = std::strtod(field.c_str(), nullptr);
  timespec now{};
  clock_gettime(CLOCK_BOOTTIME, &now);
  return static_cast<double>(now.tv_sec) - ticks / static_cast<double>(sysconf(_SC_CLK_TCK));
}

// Does this CPU have protection keys that we are let to use?
bool keys_here() {
  const int key = pkey_alloc(0, 0);
  if (key < 0) return false;
  pkey_free(key);
  return true;
}

struct Facts {
  Snapshot snapshot;
  uint64_t tasks = 0, names = 0;
  uint64_t guards[3] = {};    // tasks by their Guard
  double used = 0, free = 0;  // bytes
  bool keys = false;
  double launchd_age = -1;
  uint32_t evict_after = 0, evicted = 0;
  std::vector<SeenWait> waits;
};

Facts facts_of(const Source& source, Waits& waits) {
  Facts facts;
  facts.waits = waits.look();
  facts.evict_after = source.segment().header().evict_after.load();
  facts.evicted = source.segment().header().evicted.load();
  facts.snapshot = source.snapshot();
  for (const TaskInfo& task : facts.snapshot.tasks) {
    if (task.dead) continue;
    facts.tasks++;
    facts.names += task.names.size();
    facts.guards[static_cast<unsigned>(task.guard)]++;
  }
  struct stat file {};
  if (stat(source.file().c_str(), &file) == 0) facts.used = static_cast<double>(file.st_blocks) * 512;
  struct statvfs system {};
  if (statvfs(source.file().c_str(), &system) == 0)
    facts.free = static_cast<double>(system.f_bavail) * static_cast<double>(system.f_frsize);
  facts.keys = keys_here();
  if (facts.snapshot.launchd_pid != 0) facts.launchd_age = process_age(facts.snapshot.launchd_pid);
  return facts;
}

std::string setting(const char* name) {
  const char* value = secure_getenv(name);
  return value == nullptr ? "" : value;
}

std::string guard_text(const Facts& facts) {
  const uint64_t off = facts.guards[static_cast<unsigned>(Guard::off)];
  const uint64_t by_mapping = facts.guards[static_cast<unsigned>(Guard::mapping)];
  if (off == 0 && by_mapping != 0) {
    const bool all = by_mapping == facts.tasks;
    return "on: " + (all ? std::string("mprotect")
                         : "mprotect in " + plural(by_mapping, "task") + ", else protection keys");
  }
  if (off == 0 && facts.keys) return "on: protection keys";
  if (off == facts.tasks && !facts.keys)
    return "OFF: no protection keys here; a stray pointer can harm the domain";
  return "OFF in " + plural(off, "task") + "; a stray pointer there can harm the domain";
}

Json guards_json(const Snapshot& snapshot) {
  Json tasks = Json::array();
  for (const TaskInfo& task : snapshot.tasks)
    if (!task.dead)
      tasks.push_back({{"pid", task.pid}, {"program", task.program}, {"guard", guard_word(task.guard)}});
  return tasks;
}

// One line a task, for -v.
std::string guards_text(const Snapshot& snapshot) {
  std::string text;
  for (const TaskInfo& task : snapshot.tasks)
    if (!task.dead)
      text += "         " + task.program + " (" + std::to_string(task.pid) + "): " + guard_word(task.guard) +
              "\n";
  return text;
}

std::string sites_text(const Snapshot& snapshot) {
  if ((snapshot.flags & kDomainSites) != 0) return "on in this domain";
  const std::string wish = setting("PORTOLAN_SITES");
  if (!wish.empty() && wish != "0") return "on for programs started from here: PORTOLAN_SITES=" + wish;
  return "off; check turns them on, else PORTOLAN_SITES=1";
}

std::string spin_text() {
  const std::string wish = setting("PORTOLAN_SPIN");
  const long cpus = sysconf(_SC_NPROCESSORS_ONLN);
  return (wish == "0"    ? "off: PORTOLAN_SPIN=0"
          : wish.empty() ? "adaptive, at most 10 us"
                         : "PORTOLAN_SPIN=" + wish) +
         "; " + std::to_string(cpus) + (cpus == 1 ? " CPU" : " CPUs");
}

class Info : public Command {
 public:
  const char* name() const override { return "info"; }
  const char* summary() const override { return "the domain at a glance: size, guard, launchd, limits"; }
  const char* question() const override { return "Is it sound"; }

  int run(const Globals& globals, const std::vector<std::string>&) override {
    std::optional<Source> source;
    try {
      source.emplace(globals);
    } catch (const Failure& failure) {
      // Without a domain most of the lines are still true: the first question is whether it would work here.
      if (failure.code != kAbsent || globals.domain || globals.input) throw;
      return without_domain(globals);
    }
    Waits waits(*source);
    return repeat(globals, [&](bool paged) {
      const Facts facts = facts_of(*source, waits);
      if (globals.json)
        show(dump(json(*source, facts), globals.watch.has_value()), false);
      else
        show(text(*source, facts, globals), paged);
      return static_cast<int>(kFine);
    });
  }

 private:
  static std::string first_line(const std::string& domain) {
    return "portolan " PORTOLAN_VERSION ", layout " + std::to_string(kLayoutVersion) + "     domain " +
           domain + "\n";
  }

  static std::string limits() {
    return grouped(ipc::kTableMax) + " slots a task, soft and hard none; queues " +
           std::to_string(MACH_PORT_QLIMIT_DEFAULT) + ", at most " + grouped(MACH_PORT_QLIMIT_MAX);
  }

  static int without_domain(const Globals& globals) {
    Facts facts;
    facts.keys = keys_here();
    if (globals.json) {
      Json json = document("info", domain_name(globals), "");
      json["exists"] = false;
      json["layout"] = kLayoutVersion;
      json["guard"] = {{"keys", facts.keys}};
      json["cpus"] = sysconf(_SC_NPROCESSORS_ONLN);
      show(dump(json), false);
      return kFine;
    }
    show(first_line(domain_name(globals) + ", which does not exist yet") + "guard    " + guard_text(facts) +
         "\nspin     " + spin_text() + "\nsites    " + sites_text(facts.snapshot) + "\nlimits   " + limits() +
         "\n");
    return kFine;
  }

  static std::string text(const Source& source, const Facts& facts, const Globals& globals) {
    const Snapshot& s = facts.snapshot;
    std::string text =
        first_line(source.name() == source.path() ? source.path() : source.name() + ", " + source.path());
    if (s.lost) text += "LOST     the segment was damaged or removed: every call in it fails\n";
    text += "kernel   " + plural(facts.tasks, "task") + ", " + plural(facts.names, "name") + ", " +
            plural(s.ports_live, "port") + ", " + plural(s.messages, "message") + "; " +
            bytes_text(facts.used) + ", " + bytes_text(facts.free) + " free\n";
    text += "guard    " + guard_text(facts) + "\n";
    if (globals.verbose) text += guards_text(s);
    text += "spin     " + spin_text() + "\n";
    text += "launchd  ";
    if (s.launchd_pid == 0)
      text += "none";
    else
      text += std::to_string(s.launchd_pid) +
              (facts.launchd_age >= 0 ? ", up " + age_text(facts.launchd_age) : ", gone");
    if (s.recovered != 0) text += "; " + plural(s.recovered, "thread") + " recovered";
    if (facts.evicted != 0) text += "; " + plural(facts.evicted, "stopped task") + " evicted";
    text += "\n";
    if (facts.evict_after != 0)
      text += "evict    launchd kills a task that is stopped and lets others wait for " +
              grouped(facts.evict_after) + " s\n";
    text += waits_text(source.segment(), facts.waits,
                       "portolan evict" + (globals.domain ? " -d " + *globals.domain : std::string()),
                       width_of(STDOUT_FILENO, globals.wide));
    text += "sites    " + sites_text(s) + "\n";
    return text + "limits   " + limits() + "\ndarwin   where it differs: portolan help divergences\n";
  }

  static Json json(const Source& source, const Facts& facts) {
    const Snapshot& s = facts.snapshot;
    Json json = document("info", source.name(), s.boot);
    json["exists"] = true;
    json["path"] = source.path();
    json["layout"] = s.layout;
    json["lost"] = s.lost;
    json["tasks"] = facts.tasks;
    json["names"] = facts.names;
    json["ports"] = s.ports_live;
    json["messages"] = s.messages;
    json["bytes"] = {{"used", facts.used}, {"free", facts.free}};
    json["guard"] = {{"keys", facts.keys},
                     {"unguarded_tasks", facts.guards[static_cast<unsigned>(Guard::off)]},
                     {"tasks", guards_json(s)}};
    json["cpus"] = sysconf(_SC_NPROCESSORS_ONLN);
    json["launchd"] =
        s.launchd_pid == 0 ? Json() : Json{{"pid", s.launchd_pid}, {"seconds", facts.launchd_age}};
    json["recovered"] = s.recovered;
    json["quarantined"] = s.quarantined;
    json["evict_stopped"] = facts.evict_after == 0 ? Json() : Json(facts.evict_after);
    json["evicted"] = facts.evicted;
    json["waits"] = waits_json(facts.waits);
    json["sites"] = (s.flags & kDomainSites) != 0;
    json["limits"] = {
        {"slots", ipc::kTableMax}, {"queue", MACH_PORT_QLIMIT_DEFAULT}, {"queue_max", MACH_PORT_QLIMIT_MAX}};
    return json;
  }
};

}  // namespace

std::unique_ptr<Command> make_info() { return std::make_unique<Info>(); }

}  // namespace portolan::cli
