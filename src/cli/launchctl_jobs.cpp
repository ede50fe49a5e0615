// SPDX-License-Identifier: Apache-2.0
// Verbs about one job, or all: list, print, start, stop, remove, kickstart (bootstrap 11.4, 11.6).
#include <signal.h>
#include <sys/wait.h>

#include <nlohmann/json.hpp>

#include "cli/launch.hpp"
#include "cli/launchctl.hpp"
#include "cli/terminal.hpp"
#include "inspect/words.hpp"
#include "launchd/policy.hpp"

namespace portolan::cli {

namespace {

using launchd::Value;
using Type = Value::Type;

// The exit status, minus the signal, or ??? where neither is known.
std::string status_text(int64_t raw) {
  const int word = static_cast<int>(raw);
  if (static_cast<uint32_t>(raw) == launchd::kStatusUnknown) return "???";
  if (WIFEXITED(word)) return std::to_string(WEXITSTATUS(word));
  if (WIFSIGNALED(word)) return "-" + std::to_string(WTERMSIG(word));
  return "???";
}

Json status_json(int64_t raw) {
  const int word = static_cast<int>(raw);
  if (static_cast<uint32_t>(raw) == launchd::kStatusUnknown) return Json();
  if (WIFEXITED(word)) return {{"code", WEXITSTATUS(word)}};
  if (WIFSIGNALED(word)) return {{"signal", WTERMSIG(word)}};
  return Json();
}

Json to_json(const Value& value) {
  switch (value.type()) {
    case Type::boolean:
      return *value.boolean();
    case Type::integer:
      return *value.integer();
    case Type::real:
      return *value.real();
    case Type::string:
      return *value.string();
    case Type::array: {
      Json list = Json::array();
      for (const Value& item : *value.items()) list.push_back(to_json(item));
      return list;
    }
    case Type::dictionary: {
      Json object = Json::object();
      for (const auto& [key, member] : *value.members()) object[key] = to_json(member);
      return object;
    }
    default:
      return Json();
  }
}

// As Darwin shows a dictionary. `numbers`: what they stand for, when not for numbers.
std::string text_of(const Value& value, unsigned depth, const char* numbers = nullptr) {
  const std::string indent(depth, '\t');
  if (value.type() == Type::integer && numbers != nullptr) return numbers;
  switch (value.type()) {
    case Type::boolean:
      return *value.boolean() ? "true" : "false";
    case Type::integer:
      return std::to_string(*value.integer());
    case Type::real:
      return inspect::decimal(*value.real());
    case Type::string:
      return "\"" + *value.string() + "\"";
    case Type::array: {
      std::string text = "(\n";
      for (const Value& item : *value.items())
        text += indent + "\t" + text_of(item, depth + 1, numbers) + ";\n";
      return text + indent + ")";
    }
    case Type::dictionary: {
      std::string text = "{\n";
      for (const auto& [key, member] : *value.members())
        text += indent + "\t\"" + key + "\" = " + text_of(member, depth + 1, numbers) + ";\n";
      return text + indent + "}";
    }
    default:
      return "\"\"";
  }
}

// A job's dictionary: its services and sockets come as numbers.
std::string job_text(const Value& job) {
  std::string text = "{\n";
  for (const auto& [key, member] : *job.members()) {
    const char* numbers = key == "MachServices" ? "mach-port-object"
                          : key == "Sockets"    ? "file-descriptor-object"
                                                : nullptr;
    text += "\t\"" + key + "\" = " + text_of(member, 1, numbers) + ";\n";
  }
  return text + "};\n";
}

int list_all(Ctl& ctl) {
  const Value answer = ctl.demand(request("list"));
  const Value::Array& jobs = *answer.find("Jobs")->items();
  if (ctl.json()) {
    Json json = ctl.json_document();
    json["jobs"] = Json::array();
    for (const Value& job : jobs)
      json["jobs"].push_back(
          {{"label", job.text("Label")},
           {"pid", job.find("PID") == nullptr ? Json() : Json(job.number("PID"))},
           {"status", job.find("PID") != nullptr ? Json() : status_json(job.number("Status"))}});
    show(dump(json), false);
    return kFine;
  }
  std::string text = "PID\tStatus\tLabel\n";
  for (const Value& job : jobs)
    text += (job.find("PID") != nullptr ? std::to_string(job.number("PID")) + "\t-"
                                        : "-\t" + status_text(job.number("Status"))) +
            "\t" + job.text("Label") + "\n";
  show(text);
  return kFine;
}

int run_list(Ctl& ctl, const Words& words) {
  const Letters found = letters("list", words, "x", "");
  if (found.rest.size() > 1) wrong_use("list");
  if (found.rest.empty()) return list_all(ctl);
  const Value answer = ctl.demand(request("list").set("Label", found.rest[0]));
  const Value& job = *answer.find("Job");
  if (ctl.json()) {
    Json json = ctl.json_document();
    json["job"] = to_json(job);
    show(dump(json), false);
  } else {
    show(found.has('x') ? launchd::to_xml(job) : job_text(job));
  }
  return kFine;
}

int run_print(Ctl& ctl, const Words& words) {
  if (words.size() != 1) wrong_use("print");
  const Value answer = ctl.demand(request("print").set("Label", words[0]));
  Value job = *answer.find("Job");
  if (ctl.json()) {
    Json json = ctl.json_document();
    json["job"] = to_json(job);
    json["job"]["LastExit"] = job.number("Runs") == 0 ? Json() : status_json(job.number("LastExitStatus"));
    show(dump(json), false);
    return kFine;
  }
  std::string text = job.text("Label") + "\n";
  const auto line = [&](const std::string& name, const std::string& value) {
    if (value.empty()) return;
    std::string start = "  " + name;
    start.resize(18, ' ');
    text += start + value + "\n";
  };
  line("file", job.text("File"));
  line("state",
       job.text("State") + (job.find("PID") == nullptr ? "" : ", pid " + std::to_string(job.number("PID"))));
  line("waits", job.text("Waits"));
  line("runs", std::to_string(job.number("Runs")));
  if (job.number("Runs") > (job.find("PID") != nullptr ? 1 : 0))
    line("last exit", status_text(job.number("LastExitStatus")));
  if (const Value* since = job.find("SecondsSinceStart"))
    line("last start", inspect::decimal(*since->real()) + " s ago");
  line("throttle", std::to_string(job.number("ThrottleInterval")) + " s");
  line("exit time-out",
       job.number("ExitTimeOut") == 0 ? "none" : std::to_string(job.number("ExitTimeOut")) + " s");
  if (const Value* services = job.find("MachServices"))
    for (const auto& [name, value] : *services->members()) line("service", name);
  text += "  property list   " + text_of(*job.find("Dictionary"), 1) + "\n";
  show(text);
  return kFine;
}

template <const char* const& name>
int run_simple(Ctl& ctl, const Words& words) {
  if (words.size() != 1) wrong_use(name);
  ctl.demand(request(name).set("Label", words[0]));
  return kFine;
}
constexpr const char* kStart = "start";
constexpr const char* kStop = "stop";
constexpr const char* kRemove = "remove";

int run_kickstart(Ctl& ctl, const Words& words) {
  const Letters found = letters("kickstart", words, "kp", "");
  if (found.rest.size() != 1) wrong_use("kickstart");
  const Value answer =
      ctl.demand(request("kickstart").set("Label", found.rest[0]).set("Kill", found.has('k')), false);
  if (ctl.json()) {
    Json json = ctl.json_document();
    json["pid"] = answer.number("PID");
    show(dump(json), false);
  } else if (found.has('p')) {
    show(std::to_string(answer.number("PID")) + "\n", false);
  }
  return kFine;
}

}  // namespace

std::vector<Verb> job_verbs() {
  return {
      {"list", "[-x] [LABEL]", "all jobs, or one job's dictionary", run_list},
      {"print", "LABEL", "a job's state, and why it does not run", run_print},
      {"start", "LABEL", "start it now, or when its throttle interval ends", run_simple<kStart>},
      {"stop", "LABEL", "end its process", run_simple<kStop>},
      {"remove", "LABEL", "remove it, without waiting", run_simple<kRemove>},
      {"kickstart", "[-kp] LABEL", "start it and wait for that; -k: anew; -p: print its pid", run_kickstart},
  };
}

}  // namespace portolan::cli
