// SPDX-License-Identifier: Apache-2.0
// Verbs about launchd itself: its environment, limits, log, and who it is (bootstrap 11.7).
#include <errno.h>
#include <stdlib.h>

#include <cstdint>
#include <cstring>
#include <nlohmann/json.hpp>

#include "cli/launchctl.hpp"
#include "cli/terminal.hpp"
#include "launchd/store.hpp"

namespace portolan::cli {

namespace {

using launchd::Value;

int run_setenv(Ctl& ctl, const Words& words) {
  if (words.size() != 2) wrong_use("setenv");
  ctl.demand(request("setenv").set("Name", words[0]).set("Value", words[1]));
  return kFine;
}

int run_unsetenv(Ctl& ctl, const Words& words) {
  if (words.size() != 1) wrong_use("unsetenv");
  ctl.demand(request("unsetenv").set("Name", words[0]));
  return kFine;
}

Json variables_json(const Ctl& ctl, const Value& variables) {
  Json json = ctl.json_document();
  json["variables"] = Json::object();
  for (const auto& [name, value] : *variables.members()) json["variables"][name] = *value.string();
  return json;
}

int run_getenv(Ctl& ctl, const Words& words) {
  if (words.size() != 1) wrong_use("getenv");
  const Value answer = ctl.demand(request("getenv").set("Name", words[0]));
  const Value& found = *answer.find("Variables");
  if (ctl.json())
    show(dump(variables_json(ctl, found)), false);
  else if (const Value* value = found.find(words[0]))
    show(*value->string() + "\n", false);
  return kFine;
}

std::string quoted(const std::string& value) {
  std::string text = "'";
  for (const char c : value) text += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return text + "'";
}

int run_export(Ctl& ctl, const Words& words) {
  if (!words.empty()) wrong_use("export");
  const Value answer = ctl.demand(request("export"));
  const Value& all = *answer.find("Variables");
  if (ctl.json()) {
    show(dump(variables_json(ctl, all)), false);
    return kFine;
  }
  const char* shell = getenv("SHELL");
  const bool csh = shell != nullptr && std::strstr(shell, "csh") != nullptr;
  std::string text;
  for (const auto& [name, value] : *all.members())
    text += csh ? "setenv " + name + " " + quoted(*value.string()) + ";\n"
                : name + "=" + quoted(*value.string()) + "; export " + name + ";\n";
  show(text, false);
  return kFine;
}

std::string limit_text(int64_t value) { return value < 0 ? "unlimited" : std::to_string(value); }

int64_t limit_of(const std::string& word) {
  if (word == "unlimited") return -1;
  char* end = nullptr;
  errno = 0;
  const int64_t value = std::strtoll(word.c_str(), &end, 10);
  if (word.empty() || *end != 0 || errno != 0 || value < 0)
    throw Failure{kFound, word + " is no limit", "a number, or unlimited"};
  return value;
}

int run_limit(Ctl& ctl, const Words& words) {
  if (words.size() > 3) wrong_use("limit");
  Value wish = request("limit");
  if (!words.empty()) wish.set("Name", words[0]);
  if (words.size() > 1) wish.set("Soft", limit_of(words[1])).set("Hard", limit_of(words.back()));
  const Value answer = ctl.demand(wish);
  const Value::Array& limits = *answer.find("Limits")->items();
  if (ctl.json()) {
    Json json = ctl.json_document();
    for (const Value& limit : limits) {
      const auto number = [&](const char* key) {
        return limit.number(key) < 0 ? Json() : Json(limit.number(key));
      };
      json["limits"].push_back(
          {{"name", limit.text("Name")}, {"soft", number("Soft")}, {"hard", number("Hard")}});
    }
    show(dump(json), false);
    return kFine;
  }
  if (words.size() > 1) return kFine;
  std::string text;
  for (const Value& limit : limits) {
    std::string line = "\t" + limit.text("Name");
    line.resize(13, ' ');
    line += limit_text(limit.number("Soft"));
    line.resize(28, ' ');
    text += line + limit_text(limit.number("Hard")) + "\n";
  }
  show(text, false);
  return kFine;
}

Json manager_json(const Ctl& ctl, const Value& answer) {
  Json json = ctl.json_document();
  json["pid"] = answer.number("PID");
  json["uid"] = answer.number("UID");
  json["name"] = answer.text("Name");
  return json;
}

int tell_manager(Ctl& ctl, const Words& words, const char* verb, const char* key) {
  if (!words.empty()) wrong_use(verb);
  const Value answer = ctl.demand(request("manager"));
  const Value& value = *answer.find(key);
  if (ctl.json())
    show(dump(manager_json(ctl, answer)), false);
  else
    show((value.string() != nullptr ? *value.string() : std::to_string(*value.integer())) + "\n", false);
  return kFine;
}
int run_managerpid(Ctl& ctl, const Words& words) { return tell_manager(ctl, words, "managerpid", "PID"); }
int run_manageruid(Ctl& ctl, const Words& words) { return tell_manager(ctl, words, "manageruid", "UID"); }
int run_managername(Ctl& ctl, const Words& words) { return tell_manager(ctl, words, "managername", "Name"); }

int run_log(Ctl& ctl, const Words& words) {
  constexpr size_t kMost = 8u << 20;
  if (words.size() > 2 || (!words.empty() && words[0] != "level")) wrong_use("log");
  Value wish = request("log");
  if (words.size() == 2) wish.set("Level", words[1]);
  const Value answer = ctl.demand(wish);
  std::string text;
  if (words.size() == 1) text = answer.text("Level") + "\n";
  if (words.empty()) launchd::read_file(answer.text("Path"), kMost, text);
  if (ctl.json()) {
    Json json = ctl.json_document();
    json["path"] = answer.text("Path");
    json["level"] = answer.text("Level");
    json["lines"] = Json::array();
    for (size_t at = 0; words.empty() && at < text.size();) {
      const size_t end = std::min(text.find('\n', at), text.size());
      json["lines"].push_back(text.substr(at, end - at));
      at = end + 1;
    }
    text = dump(json);
  }
  show(text);
  return kFine;
}

}  // namespace

std::vector<Verb> manager_verbs() {
  return {
      {"setenv", "NAME VALUE", "a variable for jobs to be started", run_setenv},
      {"unsetenv", "NAME", "take it back", run_unsetenv},
      {"getenv", "NAME", "what jobs get", run_getenv},
      {"export", "", "all that jobs get, for a shell", run_export},
      {"limit", "[NAME [SOFT [HARD]]]", "resource limits of jobs to be started", run_limit},
      {"managerpid", "", "launchd's process", run_managerpid},
      {"manageruid", "", "its user", run_manageruid},
      {"managername", "", "its namespace", run_managername},
      {"log", "[level [LEVEL]]", "what launchd did; what it writes down", run_log},
  };
}

}  // namespace portolan::cli
