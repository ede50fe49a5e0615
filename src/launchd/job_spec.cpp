// SPDX-License-Identifier: Apache-2.0
#include "launchd/job_spec.hpp"

#include <netinet/in.h>
#include <strings.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>

namespace portolan::launchd {

namespace {

using Type = Value::Type;

constexpr size_t kServiceNameLength = 127;               // bytes that count (bootstrap 3.1)
constexpr int64_t kLongest = int64_t{10} * 365 * 86400;  // seconds that a time may be

// Where we are in the list, and what was wrong so far.
class Reader {
 public:
  Reader(const std::string& file, std::vector<Mistake>& mistakes) : file_(file), mistakes_(mistakes) {}

  void warn(const std::string& key, std::string problem, std::string remedy) {
    mistakes_.push_back({file_, key, std::move(problem), std::move(remedy), false});
  }
  void refuse(const std::string& key, std::string problem, std::string remedy) {
    mistakes_.push_back({file_, key, std::move(problem), std::move(remedy), true});
    refused_ = true;
  }
  bool refused() const { return refused_; }

  void wrong_type(const std::string& key, const Value& value, const char* wanted) {
    warn(key, std::string("is ") + value.type_word() + ", not " + wanted + "; it is ignored",
         std::string("make it ") + wanted);
  }
  void boolean(const std::string& key, const Value& value, bool& to) {
    if (value.boolean() != nullptr)
      to = *value.boolean();
    else
      wrong_type(key, value, "a boolean");
  }
  void boolean(const std::string& key, const Value& value, std::optional<bool>& to) {
    bool is = false;
    if (value.boolean() == nullptr) return wrong_type(key, value, "a boolean");
    boolean(key, value, is);
    to = is;
  }
  void string(const std::string& key, const Value& value, std::string& to) {
    if (value.string() != nullptr)
      to = *value.string();
    else
      wrong_type(key, value, "a string");
  }
  // A file's path: absolute, for launchd's own directory is nobody's.
  void path(const std::string& key, const Value& value, std::string& to) {
    std::string is;
    string(key, value, is);
    if (value.string() == nullptr) return;
    if (is.empty() || is[0] != '/') return not_absolute(key, is);
    to = is;
  }
  void not_absolute(const std::string& key, const std::string& path) {
    warn(key, "\"" + path + "\" is no absolute path; it is ignored", "begin the path with a slash");
  }
  void seconds(const std::string& key, const Value& value, uint64_t& to, int64_t least) {
    if (value.integer() == nullptr) return wrong_type(key, value, "an integer");
    if (*value.integer() < least || *value.integer() > kLongest)
      return warn(key, std::to_string(*value.integer()) + " is out of range; it is ignored",
                  "a number of seconds, at least " + std::to_string(least));
    to = static_cast<uint64_t>(*value.integer());
  }
  bool strings(const std::string& key, const Value& value, std::vector<std::string>& to) {
    if (value.items() == nullptr) {
      wrong_type(key, value, "an array of strings");
      return false;
    }
    for (const Value& item : *value.items())
      if (item.string() == nullptr) {
        warn(key, std::string("holds ") + item.type_word() + "; it is ignored", "an array of strings");
        return false;
      }
    to.clear();
    for (const Value& item : *value.items()) to.push_back(*item.string());
    return true;
  }
  void paths(const std::string& key, const Value& value, std::vector<std::string>& to) {
    std::vector<std::string> all;
    if (!strings(key, value, all)) return;
    for (const std::string& one : all) {
      if (one.empty() || one[0] != '/')
        not_absolute(key, one);
      else
        to.push_back(one);
    }
  }
  // A dictionary of booleans.
  void wishes(const std::string& key, const Value& value, std::vector<std::pair<std::string, bool>>& to) {
    if (value.members() == nullptr) return wrong_type(key, value, "a dictionary of booleans");
    for (const auto& [name, member] : *value.members()) {
      bool is = false;
      if (member.boolean() == nullptr) {
        wrong_type(key + "." + name, member, "a boolean");
        continue;
      }
      boolean(key, member, is);
      to.emplace_back(name, is);
    }
  }

 private:
  const std::string& file_;
  std::vector<Mistake>& mistakes_;
  bool refused_ = false;
};

using Read = void (*)(Reader&, JobSpec&, const std::string& key, const Value&);

struct Key {
  const char* name;
  Read read;
};

const Key* find_key(const Key* begin, const Key* end, const std::string& name) {
  const Key* found =
      std::find_if(begin, end, [&](const Key& key) { return strcasecmp(key.name, name.c_str()) == 0; });
  return found == end ? nullptr : found;
}

// -- what the job is

void read_label(Reader& reader, JobSpec& job, const std::string& key, const Value& value) {
  if (value.string() == nullptr)
    return reader.refuse(key, std::string("is ") + value.type_word() + ", not a string", "name the job");
  job.label = *value.string();
  const auto begins = [&](const char* with) {
    return strncasecmp(job.label.c_str(), with, strlen(with)) == 0;
  };
  if (job.label.empty()) return reader.refuse(key, "is empty", "name the job, as com.example.name");
  if (job.label.size() > 255) return reader.refuse(key, "is longer than 255 bytes", "choose a shorter name");
  if (std::any_of(job.label.begin(), job.label.end(),
                  [](char c) { return static_cast<unsigned char>(c) < 32 || c == 127; }))
    return reader.refuse(key, "holds control characters", "leave them out");
  if (begins("com.apple.launchd") || begins("com.apple.launchctl"))
    return reader.refuse(key, "\"" + job.label + "\" begins with a name that is launchd's own",
                         "choose another name, as com.example.name");
}

void read_program(Reader& reader, JobSpec& job, const std::string& key, const Value& value) {
  reader.string(key, value, job.program);
}

void read_arguments(Reader& reader, JobSpec& job, const std::string& key, const Value& value) {
  if (value.items() == nullptr)
    return reader.refuse(key, std::string("is ") + value.type_word() + ", not an array of strings",
                         "an array: the program, then its arguments");
  for (const Value& item : *value.items())
    if (item.string() == nullptr)
      return reader.refuse(key, std::string("holds ") + item.type_word() + ", not only strings",
                           "write numbers as strings, too");
  reader.strings(key, value, job.arguments);
}

void read_environment(Reader& reader, JobSpec& job, const std::string& key, const Value& value) {
  if (value.members() == nullptr) return reader.wrong_type(key, value, "a dictionary of strings");
  for (const auto& [name, member] : *value.members()) {
    if (member.string() == nullptr)
      reader.wrong_type(key + "." + name, member, "a string");
    else if (name.empty() || name.find('=') != std::string::npos)
      reader.warn(key + "." + name, "cannot be the name of a variable; it is ignored", "choose another name");
    else
      job.environment.emplace_back(name, *member.string());
  }
}

void read_umask(Reader& reader, JobSpec& job, const std::string& key, const Value& value) {
  int64_t mask = -1;
  if (value.integer() != nullptr) {
    mask = *value.integer();
  } else if (value.string() != nullptr) {
    char* end = nullptr;
    mask = std::strtol(value.string()->c_str(), &end, 8);
    if (value.string()->empty() || *end != 0) mask = -1;
  } else {
    return reader.wrong_type(key, value, "an integer, or a string of octal digits");
  }
  if (mask < 0 || mask > 0777)
    return reader.warn(key, "is no file mode; it is ignored", "an integer, or octal digits as a string: 022");
  job.umask = static_cast<uint32_t>(mask);
}

void read_nice(Reader& reader, JobSpec& job, const std::string& key, const Value& value) {
  if (value.integer() == nullptr) return reader.wrong_type(key, value, "an integer");
  if (*value.integer() < -20 || *value.integer() > 20)
    return reader.warn(key, "is out of range; it is ignored", "-20 to 20");
  job.nice = static_cast<int>(*value.integer());
}

void read_limits(Reader& reader, JobSpec& job, const std::string& key, const Value& value, bool hard) {
  static constexpr std::pair<const char*, int> kLimits[] = {
      {"Core", RLIMIT_CORE},           {"CPU", RLIMIT_CPU},
      {"Data", RLIMIT_DATA},           {"FileSize", RLIMIT_FSIZE},
      {"MemoryLock", RLIMIT_MEMLOCK},  {"NumberOfFiles", RLIMIT_NOFILE},
      {"ResidentSetSize", RLIMIT_RSS}, {"NumberOfProcesses", RLIMIT_NPROC},
      {"Stack", RLIMIT_STACK},
  };
  if (value.members() == nullptr) return reader.wrong_type(key, value, "a dictionary of integers");
  for (const auto& [name, member] : *value.members()) {
    const std::string& limit_name = name;
    const auto known = std::find_if(std::begin(kLimits), std::end(kLimits),
                                    [&](const auto& limit) { return same_letters(limit.first, limit_name); });
    if (known == std::end(kLimits))
      reader.warn(key + "." + name, "there is no such limit; it is ignored",
                  "Core, CPU, Data, FileSize, MemoryLock, NumberOfFiles, NumberOfProcesses, ResidentSetSize, "
                  "Stack");
    else if (member.integer() == nullptr)
      reader.wrong_type(key + "." + name, member, "an integer");
    else
      job.limits.push_back({known->second, hard, static_cast<uint64_t>(*member.integer())});
  }
}

// -- when it runs

void read_condition(Reader& reader, KeepAlive& keep, const std::string& name, const std::string& key,
                    const Value& value) {
  if (same_letters(name, "SuccessfulExit")) return reader.boolean(key, value, keep.successful_exit);
  if (same_letters(name, "Crashed")) return reader.boolean(key, value, keep.crashed);
  if (same_letters(name, "NetworkState")) return reader.boolean(key, value, keep.network);
  if (same_letters(name, "PathState")) return reader.wishes(key, value, keep.paths);
  if (same_letters(name, "OtherJobEnabled")) return reader.wishes(key, value, keep.enabled);
  if (same_letters(name, "OtherJobActive")) return reader.wishes(key, value, keep.active);
  if (same_letters(name, "AfterInitialDemand")) return reader.boolean(key, value, keep.after_demand);
  reader.warn(key, "there is no such condition; it is ignored",
              "SuccessfulExit, Crashed, NetworkState, PathState, OtherJobEnabled, OtherJobActive, "
              "AfterInitialDemand");
}

void read_keep_alive(Reader& reader, JobSpec& job, const std::string& key, const Value& value) {
  if (value.boolean() != nullptr) {
    job.keep_alive.always = *value.boolean();
    return;
  }
  if (value.members() == nullptr) return reader.wrong_type(key, value, "a boolean or a dictionary");
  for (const auto& [name, member] : *value.members())
    read_condition(reader, job.keep_alive, name, key + "." + name, member);
  std::erase_if(job.keep_alive.paths, [&](const auto& wish) {
    const bool relative = wish.first.empty() || wish.first[0] != '/';
    if (relative) reader.not_absolute(key + ".PathState", wish.first);
    return relative;
  });
}

void read_on_demand(Reader& reader, JobSpec& job, const std::string& key, const Value& value) {
  bool on_demand = true;
  reader.boolean(key, value, on_demand);
  if (value.boolean() != nullptr) job.keep_alive.always = !on_demand;
}

void read_calendar_entry(Reader& reader, JobSpec& job, const std::string& key, const Value& value) {
  struct Field {
    const char* name;
    int CalendarEntry::*to;
    int least, most;
  };
  static constexpr Field kFields[] = {{"Minute", &CalendarEntry::minute, 0, 59},
                                      {"Hour", &CalendarEntry::hour, 0, 23},
                                      {"Day", &CalendarEntry::day, 1, 31},
                                      {"Weekday", &CalendarEntry::weekday, 0, 7},
                                      {"Month", &CalendarEntry::month, 1, 12}};
  if (value.members() == nullptr) return reader.wrong_type(key, value, "a dictionary, or an array of them");
  CalendarEntry entry;
  for (const auto& [name, member] : *value.members()) {
    const std::string& field_name = name;
    const Field* field = std::find_if(std::begin(kFields), std::end(kFields),
                                      [&](const Field& one) { return same_letters(one.name, field_name); });
    if (field == std::end(kFields))
      return reader.warn(key + "." + name, "there is no such field; the entry is ignored",
                         "Minute, Hour, Day, Weekday, Month");
    if (member.integer() == nullptr || *member.integer() < field->least || *member.integer() > field->most)
      return reader.warn(key + "." + name, "is no number in range; the entry is ignored",
                         std::to_string(field->least) + " to " + std::to_string(field->most));
    entry.*field->to = static_cast<int>(*member.integer());
  }
  if (entry.weekday == 7) entry.weekday = 0;  // both are Sunday
  job.calendar.push_back(entry);
}

void read_calendar(Reader& reader, JobSpec& job, const std::string& key, const Value& value) {
  if (value.items() == nullptr) return read_calendar_entry(reader, job, key, value);
  for (const Value& item : *value.items()) read_calendar_entry(reader, job, key, item);
}

// -- what it serves

void read_drain(Reader& reader, MachService& service, const std::string& key, const Value& value) {
  if (value.string() != nullptr && same_letters(*value.string(), "One"))
    service.drain = Drain::one;
  else if (value.string() != nullptr && same_letters(*value.string(), "All"))
    service.drain = Drain::all;
  else
    reader.warn(key, "is neither One nor All; it is ignored", "One or All");
}

void read_service(Reader& reader, JobSpec& job, const std::string& key, const std::string& name,
                  const Value& value) {
  // Any value declares it, false too (bootstrap 6).
  MachService service;
  service.name = name;
  if (name.size() > kServiceNameLength) {
    service.name.resize(kServiceNameLength);
    reader.warn(key, "is longer than 127 bytes, of which only the first 127 count", "choose a shorter name");
  }
  if (value.members() != nullptr)
    for (const auto& [option, member] : *value.members()) {
      const std::string where = key + "." + option;
      if (same_letters(option, "ResetAtClose"))
        reader.boolean(where, member, service.resets);
      else if (same_letters(option, "HideUntilCheckIn"))
        reader.boolean(where, member, service.hides);
      else if (same_letters(option, "DrainMessagesOnCrash"))
        read_drain(reader, service, where, member);
      else
        reader.warn(where, "is not supported; it is ignored", "remove it");
    }
  else if (value.boolean() == nullptr)
    reader.warn(key, std::string("is ") + value.type_word() + "; it is declared all the same",
                "true, or a dictionary of options");
  job.services.push_back(service);
}

void read_services(Reader& reader, JobSpec& job, const std::string& key, const Value& value) {
  if (value.members() == nullptr) return reader.wrong_type(key, value, "a dictionary");
  for (const auto& [name, member] : *value.members())
    read_service(reader, job, key + "." + name, name, member);
}

struct Word {
  const char* name;
  int value;
};
void read_word(Reader& reader, const std::string& key, const Value& value, const Word* begin, const Word* end,
               int& to) {
  std::string known;
  for (const Word* word = begin; word != end; word++) {
    if (value.string() != nullptr && same_letters(*value.string(), word->name)) {
      to = word->value;
      return;
    }
    known += std::string(known.empty() ? "" : ", ") + word->name;
  }
  reader.warn(key, "is none of the words that it can be; it is ignored", known);
}

void read_socket_key(Reader& reader, SocketSpec& socket, const std::string& name, const std::string& key,
                     const Value& value) {
  static constexpr Word kTypes[] = {
      {"stream", SOCK_STREAM}, {"dgram", SOCK_DGRAM}, {"seqpacket", SOCK_SEQPACKET}};
  static constexpr Word kFamilies[] = {
      {"IPv4", AF_INET}, {"IPv6", AF_INET6}, {"IPv4v6", AF_UNSPEC}, {"Unix", AF_UNIX}};
  static constexpr Word kProtocols[] = {{"TCP", IPPROTO_TCP}, {"UDP", IPPROTO_UDP}};
  if (same_letters(name, "SockType"))
    return read_word(reader, key, value, std::begin(kTypes), std::end(kTypes), socket.type);
  if (same_letters(name, "SockFamily"))
    return read_word(reader, key, value, std::begin(kFamilies), std::end(kFamilies), socket.family);
  if (same_letters(name, "SockProtocol"))
    return read_word(reader, key, value, std::begin(kProtocols), std::end(kProtocols), socket.protocol);
  if (same_letters(name, "SockPassive")) return reader.boolean(key, value, socket.passive);
  if (same_letters(name, "SockNodeName")) return reader.string(key, value, socket.node);
  if (same_letters(name, "SockPathName")) return reader.path(key, value, socket.path);
  if (same_letters(name, "SecureSocketWithKey")) return reader.string(key, value, socket.secure_key);
  if (same_letters(name, "SockServiceName")) {
    if (value.integer() != nullptr)
      socket.service = std::to_string(*value.integer());
    else
      reader.string(key, value, socket.service);
    return;
  }
  if (same_letters(name, "SockPathMode")) {
    if (value.integer() == nullptr || *value.integer() < 0 || *value.integer() > 0777)
      return reader.warn(key, "is no file mode; it is ignored", "an integer: 384 is 0600");
    socket.mode = static_cast<uint32_t>(*value.integer());
    return;
  }
  reader.warn(key, "is not supported; it is ignored", "remove it");
}

void read_socket(Reader& reader, JobSpec& job, const std::string& name, const std::string& key,
                 const Value& value) {
  if (value.members() == nullptr) return reader.wrong_type(key, value, "a dictionary, or an array of them");
  SocketSpec socket;
  socket.key = name;
  socket.type = SOCK_STREAM;
  for (const auto& [option, member] : *value.members())
    read_socket_key(reader, socket, option, key + "." + option, member);
  if (socket.path.empty() && socket.service.empty() && socket.secure_key.empty())
    return reader.warn(key, "names no address; it is ignored", "SockPathName, or SockServiceName");
  job.sockets.push_back(socket);
}

void read_sockets(Reader& reader, JobSpec& job, const std::string& key, const Value& value) {
  if (value.members() == nullptr) return reader.wrong_type(key, value, "a dictionary");
  for (const auto& [name, member] : *value.members()) {
    const std::string where = key + "." + name;
    if (member.items() == nullptr) {
      read_socket(reader, job, name, where, member);
      continue;
    }
    for (const Value& item : *member.items()) read_socket(reader, job, name, where, item);
  }
}

void read_disabled(Reader& reader, JobSpec& job, const std::string& key, const Value& value) {
  if (value.members() != nullptr) return;  // by machine: none of these
  reader.boolean(key, value, job.disabled);
}

// launchctl looks at these, or they change nothing here.
void ignore(Reader&, JobSpec&, const std::string&, const Value&) {}

#define PORTOLAN_READ(how, field)                                                \
  [](Reader& reader, JobSpec& job, const std::string& key, const Value& value) { \
    reader.how(key, value, job.field);                                           \
  }
#define PORTOLAN_SECONDS(field, least)                                           \
  [](Reader& reader, JobSpec& job, const std::string& key, const Value& value) { \
    reader.seconds(key, value, job.field, least);                                \
  }

constexpr Key kKeys[] = {
    {"Label", read_label},
    {"Program", read_program},
    {"ProgramArguments", read_arguments},
    {"EnableGlobbing", PORTOLAN_READ(boolean, globbing)},
    {"EnvironmentVariables", read_environment},
    {"UserName", PORTOLAN_READ(string, user)},
    {"GroupName", PORTOLAN_READ(string, group)},
    {"InitGroups", PORTOLAN_READ(boolean, init_groups)},
    {"RootDirectory", PORTOLAN_READ(path, root_directory)},
    {"WorkingDirectory", PORTOLAN_READ(path, working_directory)},
    {"Umask", read_umask},
    {"Nice", read_nice},
    {"LowPriorityIO", PORTOLAN_READ(boolean, low_priority_io)},
    {"StandardInPath", PORTOLAN_READ(path, standard_in)},
    {"StandardOutPath", PORTOLAN_READ(path, standard_out)},
    {"StandardErrorPath", PORTOLAN_READ(path, standard_error)},
    {"SoftResourceLimits", [](Reader& reader, JobSpec& job, const std::string& key,
                              const Value& value) { read_limits(reader, job, key, value, false); }},
    {"HardResourceLimits", [](Reader& reader, JobSpec& job, const std::string& key,
                              const Value& value) { read_limits(reader, job, key, value, true); }},
    {"LaunchOnlyOnce", PORTOLAN_READ(boolean, once)},
    {"AbandonProcessGroup", PORTOLAN_READ(boolean, abandons_group)},
    {"WaitForDebugger", PORTOLAN_READ(boolean, waits_for_debugger)},
    {"EnableTransactions", PORTOLAN_READ(boolean, enable_transactions)},
    {"RunAtLoad", PORTOLAN_READ(boolean, run_at_load)},
    {"KeepAlive", read_keep_alive},
    {"OnDemand", read_on_demand},
    {"StartInterval", PORTOLAN_SECONDS(start_interval, 1)},
    {"StartCalendarInterval", read_calendar},
    {"StartOnMount", PORTOLAN_READ(boolean, start_on_mount)},
    {"WatchPaths", PORTOLAN_READ(paths, watch_paths)},
    {"QueueDirectories", PORTOLAN_READ(paths, queue_directories)},
    {"ThrottleInterval", PORTOLAN_SECONDS(throttle, 0)},
    {"ExitTimeOut", PORTOLAN_SECONDS(exit_time_out, 0)},
    {"TimeOut", PORTOLAN_SECONDS(time_out, 0)},
    {"MachServices", read_services},
    {"Sockets", read_sockets},
    {"Disabled", read_disabled},
    {"Debug", ignore},
    {"LimitLoadToHosts", ignore},
    {"LimitLoadFromHosts", ignore},
    {"LimitLoadToHardware", ignore},
    {"LimitLoadFromHardware", ignore},
    {"LimitLoadToSessionType", ignore},
};
#undef PORTOLAN_READ
#undef PORTOLAN_SECONDS

// Which program will it be, and can it be one?
void check_program(Reader& reader, const JobSpec& job) {
  const bool by_program = !job.program.empty();
  if (!by_program && (job.arguments.empty() || job.arguments[0].empty()))
    return reader.refuse("Program", "there is neither Program nor ProgramArguments",
                         "add ProgramArguments: an array, the program first");
  const std::string& program = by_program ? job.program : job.arguments[0];
  const char* key = by_program ? "Program" : "ProgramArguments";
  if (program[0] != '/') {
    if (by_program || program.find('/') != std::string::npos)
      reader.refuse(key, "\"" + program + "\" is no absolute path", "begin the path with a slash");
    return;  // by PATH
  }
  if (job.root_directory.empty() && !job.globbing && access(program.c_str(), F_OK) != 0)
    reader.warn(key, program + " is not there; the job waits for it", "install it, or correct the path");
}

}  // namespace

std::string Mistake::text() const {
  std::string text;
  for (const std::string& part : {file, key})
    if (!part.empty()) text += part + ": ";
  text += problem + "\n";
  if (!remedy.empty()) text += "  remedy: " + remedy + "\n";
  return text;
}

std::optional<JobSpec> read_job(const Value& list, const std::string& file, std::vector<Mistake>& mistakes) {
  Reader reader(file, mistakes);
  JobSpec job;
  if (!list) {
    reader.refuse("", "is no property list", "see what plutil or xmllint says of it");
    return {};
  }
  if (list.members() == nullptr) {
    reader.refuse("", std::string("is ") + list.type_word() + ", not a dictionary",
                  "one dictionary, with a Label and ProgramArguments");
    return {};
  }
  for (const auto& [name, value] : *list.members()) {
    const Key* key = find_key(std::begin(kKeys), std::end(kKeys), name);
    if (key == nullptr)
      reader.warn(name, "there is no such key; it is ignored", "see portolan-launchd.plist(5)");
    else
      key->read(reader, job, name, value);
  }
  if (list.find("Label") == nullptr) reader.refuse("Label", "is missing", "add one: com.example.name");
  if (!reader.refused()) check_program(reader, job);
  if (reader.refused()) return {};
  return job;
}

}  // namespace portolan::launchd
