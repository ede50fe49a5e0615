// SPDX-License-Identifier: Apache-2.0
// The reports of check for programs: JSON (portolan.check/1) and JUnit XML.
#include <mach/port.h>

#include <nlohmann/json.hpp>

#include "cli/check.hpp"
#include "inspect/words.hpp"

namespace portolan::cli {

using namespace inspect;

namespace {

Json end_json(const OtherEnd& end) {
  Json json;
  json["pid"] = end.pid == 0 ? Json() : Json(end.pid);
  json["program"] = end.program.empty() ? Json() : Json(end.program);
  json["self"] = end.self;
  json["right"] = end.right == 0 ? Json() : Json(right_key(end.right));
  json["names"] = end.live + end.ended;
  json["kobject"] = end.kobject.empty() ? Json() : Json(end.kobject);
  json["service"] = end.service.empty() ? Json() : Json(end.service);
  json["alive"] = end.live;
  json["ended"] = end.ended;
  return json;
}

Json finding_json(const Finding& finding) {
  Json json;
  json["kind"] = kind_word(finding.kind);
  json["task"] = finding.program;
  json["pid"] = finding.task_pid;
  json["right"] = finding.rights.empty() ? Json() : Json(finding.rights.begin()->first);
  for (const auto& [right, tally] : finding.rights)
    if (tally.urefs > finding.rights.at(json["right"].get<std::string>()).urefs) json["right"] = right;
  json["rights"] = holding_json(finding.rights);
  json["names"] = finding.names;
  json["urefs"] = finding.references;
  json["acquired"] = finding.acquired;
  json["released"] = finding.released ? Json(*finding.released) : Json();
  json["growing"] = finding.growing;
  json["rate"] = !finding.rate ? Json()
                               : Json{{"names", finding.rate->names},
                                      {"references", finding.rate->references},
                                      {"from", finding.rate->from}};
  json["kobject"] = finding.kobject.empty() ? Json() : Json(finding.kobject);
  json["other_end"] = finding.others.empty() ? Json() : end_json(finding.others[0]);
  json["other_ends"] = Json::array();
  for (const OtherEnd& end : finding.others) json["other_ends"].push_back(end_json(end));
  json["call"] = finding.call.empty() ? Json() : Json(finding.call);
  json["guilty"] = finding.guilty() == nullptr ? Json() : frame_json(*finding.guilty());
  Json stacks = Json::array();
  for (const Share& share : finding.stacks) {
    Json stack;
    stack["count"] = share.references;
    stack["message"] = !finding.message
                           ? Json()
                           : Json{{"id", finding.message->id}, {"sender", finding.message->sender_pid}};
    stack["cut"] = share.stack->cut;
    stack["frames"] = Json::array();
    for (const Frame& frame : share.stack->frames) stack["frames"].push_back(frame_json(frame));
    stacks.push_back(std::move(stack));
  }
  json["stacks"] = std::move(stacks);
  json["examples"] = Json::array();
  for (const uint32_t name : finding.examples) json["examples"].push_back(hex(name));
  json["next"] = finding.next;
  if (!finding.suppressed_by.empty()) json["suppressed_by"] = finding.suppressed_by;
  return json;
}

std::string escaped(const std::string& text) {
  std::string xml;
  for (const char c : text) {
    switch (c) {
      case '&':
        xml += "&amp;";
        break;
      case '<':
        xml += "&lt;";
        break;
      case '>':
        xml += "&gt;";
        break;
      case '"':
        xml += "&quot;";
        break;
      default:
        if (static_cast<unsigned char>(c) >= 0x20 || c == '\n' || c == '\t') xml += c;
    }
  }
  return xml;
}

}  // namespace

Json check_json(const CheckResult& result) {
  Json json =
      document("check", result.domain, result.tasks.empty() ? "" : result.tasks[0].corpse.snapshot.boot);
  json["program"] = result.program;
  json["pid"] = result.pid;
  json["exit"]["code"] = result.ending.signalled ? Json() : Json(result.ending.value);
  json["exit"]["signal"] = result.ending.signalled ? Json(signal_word(result.ending.value)) : Json();
  json["exit"]["reason"] = nullptr;
  json["seconds"] = result.ending.seconds;
  json["status"] = result.exit;
  json["fsck"]["ran"] = result.fsck_ran;
  json["fsck"]["broken"] = result.broken;
  json["tasks"] = Json::array();
  for (const Checked& task : result.tasks) {
    const TaskInfo& dead = *task.corpse.dead();
    json["tasks"].push_back({{"pid", dead.pid},
                             {"program", dead.program},
                             {"names", dead.names.size()},
                             {"peak", dead.peak},
                             {"held", task.held},
                             {"running", task.still_running}});
  }
  json["findings"] = Json::array();
  for (const auto* list : {&result.leaks, &result.held, &result.suppressed})
    for (const Finding& finding : *list) json["findings"].push_back(finding_json(finding));
  json["budget"] = nullptr;
  json["suppressions"] = Json::array();
  for (const Suppression& suppression : result.suppressions)
    json["suppressions"].push_back({{"reason", suppression.reason},
                                    {"file", suppression.file},
                                    {"line", suppression.line},
                                    {"used", suppression.used}});
  json["lost"] = {{"stacks", result.lost_stacks}, {"events", 0}};
  json["notes"] = result.notes;
  return json;
}

std::string check_junit(const CheckResult& result) {
  const size_t failures =
      result.leaks.size() + (result.ending.status() != 0 ? 1 : 0) + (result.broken.empty() ? 0 : 1);
  const std::string name = escaped(base_name(result.program[0]));
  std::string cases;
  auto add = [&](const std::string& title, const std::string& failure, const std::string& body) {
    cases += "  <testcase classname=\"portolan." + name + "\" name=\"" + escaped(title) + "\">";
    if (!failure.empty())
      cases += "\n    <failure message=\"" + escaped(failure) + "\">" + escaped(body) + "</failure>\n  ";
    cases += "</testcase>\n";
  };
  add("exit status", result.ending.status() == 0 ? "" : result.ending.text(), "");
  if (result.leaks.empty()) add("no port leaks", "", "");
  for (const Finding& finding : result.leaks) {
    std::string body;
    for (const Share& share : finding.stacks) {
      body += "\n" + grouped(share.references) + " references\n";
      for (const Frame& frame : share.stack->frames)
        body += "  " + function_text(frame) + " " + place_text(frame) + "\n";
    }
    add("leak at " + guilty_place(finding), finding_title(finding), body + "\nnext: " + finding.next + "\n");
  }
  for (const std::string& broken : result.broken) add("fsck", broken, "");
  return "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites>\n<testsuite name=\"portolan check " +
         name + "\" tests=\"" +
         std::to_string(1 + std::max<size_t>(1, result.leaks.size()) + result.broken.size()) +
         "\" failures=\"" + std::to_string(failures) + "\" errors=\"0\" time=\"" +
         decimal(result.ending.seconds) + "\">\n" + cases + "</testsuite>\n</testsuites>\n";
}

}  // namespace portolan::cli
