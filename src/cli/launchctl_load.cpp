// SPDX-License-Identifier: Apache-2.0
// load, unload, submit (bootstrap 11.5, 11.7).
#include <errno.h>

#include <cstring>
#include <nlohmann/json.hpp>

#include "cli/launchctl.hpp"
#include "cli/launchctl_files.hpp"
#include "cli/terminal.hpp"
#include "launchd/job_spec.hpp"

namespace portolan::cli {

namespace {

using launchd::Mistake;
using launchd::Value;

struct Wish {
  Letters letters;
  FileRules rules;
  std::vector<JobFile> files;
};

Wish read_wish(const char* verb, const Words& words) {
  Wish wish;
  wish.letters = letters(verb, words, "wF", "SD");
  wish.rules.forced = wish.letters.has('F');
  if (const std::string* session = wish.letters.value('S')) wish.rules.session = *session;
  if (const std::string* where = wish.letters.value('D'))
    say("portolan launchctl: -D " + *where +
        ": there are no such directories here; it is ignored\n  remedy: name the directory\n");
  if (wish.letters.rest.empty()) wrong_use(verb);
  wish.files = job_files(wish.letters.rest, wish.rules);
  if (wish.files.empty()) throw Failure{kFound, std::string("nothing found to ") + verb, ""};
  return wish;
}

void say_mistakes(const Value& result) {
  const Value* mistakes = result.find("Mistakes");
  if (mistakes == nullptr || mistakes->items() == nullptr) return;
  for (const Value& one : *mistakes->items())
    say("portolan launchctl: " +
        Mistake{one.text("File"), one.text("Key"), one.text("Problem"), one.text("Remedy"), one.flag("Fatal")}
            .text());
}

// True: the job was there to be loaded.
bool say_result(const Value& result) {
  const std::string label = result.text("Label"), file = result.text("File");
  say_mistakes(result);
  switch (const auto problem = static_cast<int>(result.number("Error")); problem) {
    case 0:
      return true;
    case EEXIST:
      say("portolan launchctl: " + label + ": already loaded\n");
      return true;
    case ECANCELED:
      say("portolan launchctl: " + label + ": is disabled; skipped\n  remedy: portolan launchctl load -w " +
          file + "\n");
      return false;
    case EINVAL:
      return true;  // its mistakes say why
    default:
      say("portolan launchctl: " + label + ": " + std::strerror(problem) + "\n");
      return true;
  }
}

Json result_json(const Value& result) {
  Json json = {{"label", result.text("Label")},
               {"file", result.text("File")},
               {"error", result.number("Error")},
               {"mistakes", Json::array()}};
  if (const Value* mistakes = result.find("Mistakes"); mistakes != nullptr && mistakes->items() != nullptr)
    for (const Value& one : *mistakes->items())
      json["mistakes"].push_back({{"file", one.text("File")},
                                  {"key", one.text("Key")},
                                  {"problem", one.text("Problem")},
                                  {"remedy", one.text("Remedy")},
                                  {"fatal", one.flag("Fatal")}});
  return json;
}

// All in one request: launchd starts none of them before it has all.
int run_load(Ctl& ctl, const Words& words) {
  const Wish wish = read_wish("load", words);
  Value jobs = Value::array();
  for (const JobFile& file : wish.files)
    jobs.add(Value::dictionary().set("File", file.path).set("Job", file.list));
  const Value answer = ctl.demand(request("load")
                                      .set("Jobs", jobs)
                                      .set("Override", wish.letters.has('w'))
                                      .set("Force", wish.rules.forced),
                                  false);
  bool any = false;
  Json json = ctl.json() ? ctl.json_document() : Json();
  for (const Value& result : *answer.find("Results")->items()) {
    any = say_result(result) || any;
    if (ctl.json()) json["jobs"].push_back(result_json(result));
  }
  if (ctl.json()) show(dump(json), false);
  if (!any) throw Failure{kFound, "nothing found to load", ""};
  return kFine;
}

int run_unload(Ctl& ctl, const Words& words) {
  const Wish wish = read_wish("unload", words);
  for (const JobFile& file : wish.files) {
    const std::string label = file.list.text("Label");
    if (label.empty()) {
      say("portolan launchctl: " + file.path + ": Label: is missing; skipped\n");
      continue;
    }
    // If launchd is killed meanwhile, its successor goes on, and the job may be gone when it is asked.
    const Value answer =
        ctl.ask(request("unload").set("Label", label).set("Override", wish.letters.has('w')), true);
    if (answer.number("Error") != 0)
      say("portolan launchctl: " + label + ": " + answer.text("Message") + "\n");
  }
  return kFine;
}

int run_submit(Ctl& ctl, const Words& words) {
  const Letters found = letters("submit", words, "", "lpoe");
  const std::string* label = found.value('l');
  if (label == nullptr || found.rest.empty()) wrong_use("submit");
  Value job = Value::dictionary();
  job.set("Label", *label).set("KeepAlive", true);
  const std::pair<char, const char*> keys[] = {
      {'p', "Program"}, {'o', "StandardOutPath"}, {'e', "StandardErrorPath"}};
  for (const auto& [letter, key] : keys)
    if (const std::string* value = found.value(letter)) job.set(key, *value);
  Value arguments = Value::array();
  for (const std::string& word : found.rest) arguments.add(word);
  job.set("ProgramArguments", arguments);
  const Value answer = ctl.demand(request("load")
                                      .set("Jobs", Value::array())
                                      .set("Jobs", Value(Value::Array{Value::dictionary().set("Job", job)})),
                                  false);
  const Value& result = (*answer.find("Results")->items())[0];
  const auto problem = static_cast<int>(result.number("Error"));
  say_mistakes(result);
  if (problem == EEXIST)
    throw Failure{kFound, *label + ": already loaded", "portolan launchctl remove " + *label};
  if (problem == ECANCELED) throw Failure{kFound, *label + ": is disabled", ""};
  if (problem != 0) throw Failure{kFound, *label + ": " + std::strerror(problem), ""};
  return kFine;
}

}  // namespace

std::vector<Verb> load_verbs() {
  return {
      {"load", "[-wF] [-S TYPE] [-D DOMAIN] PATH...", "load property lists, or directories of them",
       run_load},
      {"unload", "[-w] [-S TYPE] [-D DOMAIN] PATH...", "remove their jobs; returns when they are gone",
       run_unload},
      {"submit", "-l LABEL [-p PROGRAM] [-o PATH] [-e PATH] -- COMMAND...", "keep a command running",
       run_submit},
  };
}

}  // namespace portolan::cli
