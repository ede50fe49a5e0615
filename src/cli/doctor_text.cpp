// SPDX-License-Identifier: Apache-2.0
#include <sys/epoll.h>
#include <time.h>

#include <cstdio>
#include <nlohmann/json.hpp>

#include "cli/doctor.hpp"
#include "cli/terminal.hpp"
#include "inspect/words.hpp"

namespace portolan::cli {

using namespace inspect;

namespace {

constexpr uint64_t kSecond = 1'000'000'000;

uint64_t wall_clock() {
  timespec now{};
  clock_gettime(CLOCK_REALTIME, &now);
  return static_cast<uint64_t>(now.tv_sec) * kSecond + static_cast<uint64_t>(now.tv_nsec);
}

std::string clock_text(uint64_t nanoseconds) {
  const auto seconds = static_cast<time_t>(nanoseconds / kSecond);
  tm parts{};
  localtime_r(&seconds, &parts);
  char text[32];
  std::snprintf(text, sizeof text, "%02d:%02d:%02d.%03u", parts.tm_hour, parts.tm_min, parts.tm_sec,
                static_cast<unsigned>(nanoseconds % kSecond / 1'000'000));
  return text;
}

std::string time_json(uint64_t nanoseconds) {
  const auto seconds = static_cast<time_t>(nanoseconds / kSecond);
  tm parts{};
  gmtime_r(&seconds, &parts);
  char day[32], text[48];
  strftime(day, sizeof day, "%Y-%m-%dT%H:%M:%S", &parts);
  std::snprintf(text, sizeof text, "%s.%06uZ", day, static_cast<unsigned>(nanoseconds % kSecond / 1000));
  return text;
}

std::string seconds_text(uint64_t from, uint64_t to) {
  return decimal(to > from ? static_cast<double>(to - from) / 1e9 : 0.0) + " s";
}

const char* kind_text(const PollLoss& loss) {
  if (loss.lost_hang_up()) return "lost hang-up";
  return loss.never_watched() ? "never watched" : "lost subscription";
}

std::string other_end(const PollLoss& loss) {
  return loss.peer > 0 ? "the other end (" + std::to_string(loss.peer) + ")" : "the other end";
}

std::string state_text(const PollLoss& loss) {
  if (loss.asleep) return "asleep " + seconds_text(loss.called, wall_clock());
  return "never returned";
}

const char* missing_text(const PollLoss& loss) {
  if ((loss.fired & EPOLLIN) != 0) return "POLLIN was not asked for";
  return "nothing of it was asked for";
}

const char* fired_text(const PollLoss& loss) {
  if ((loss.fired & EPOLLIN) != 0) return " wrote";
  return (loss.fired & EPOLLERR) != 0 ? " failed" : " became ready";
}

// The lines below the guilty one; what follows a time stands in the same column.
std::string line_at(uint64_t time, const std::string& text) {
  return "   " + clock_text(time) + "  " + text + "\n";
}
constexpr const char* kContinued = "\n                 ";

std::string story(const PollLoss& loss) {
  std::string text;
  if (loss.kind == darwin_poll::kUnwatched)
    text = line_at(loss.lost, "events " + poll_bits_text(loss.events) +
                                  ": Darwin subscribes only to what is asked for," + kContinued +
                                  "and tells no hang-up unasked");
  else
    text = line_at(loss.lost, other_end(loss) + fired_text(loss) +
                                  ": the one-shot watch fired and was dropped;" + kContinued +
                                  missing_text(loss) + ", so poll slept on");
  if (loss.hung_up != 0) text += line_at(loss.hung_up, other_end(loss) + " hung up: nobody was told");
  return text;
}

const char* next_text(const PollLoss& loss) {
  if (loss.kind == darwin_poll::kUnwatched) return "next  ask for POLLIN or POLLHUP";
  return "next  ask for POLLIN too, or use kqueue with EV_CLEAR and look at EV_EOF";
}

Json loss_json(const PollLoss& loss, const Frame& frame) {
  Json entries = Json::array();
  for (const PollEntry& entry : loss.entries)
    entries.push_back({{"fd", entry.fd}, {"events", poll_bits_text(entry.events)}});
  Json json;
  json["kind"] = kind_text(loss);
  json["tid"] = loss.tid;
  json["call"] = {{"entries", entries}, {"count", loss.count}, {"timeout", loss.timeout}};
  json["asleep"] = loss.asleep;
  json["fd"] = loss.fd;
  json["object"] = loss.object;
  json["events"] = poll_bits_text(loss.events);
  json["peer"] = loss.peer > 0 ? Json(loss.peer) : Json();
  json["times"] = loss.times;
  json["called"] = time_json(loss.called);
  json["lost"] = time_json(loss.lost);
  json["hung_up"] = loss.hung_up != 0 ? Json(time_json(loss.hung_up)) : Json();
  json["where"] = frame_json(frame);
  return json;
}

}  // namespace

Patient examine(PollRecord record) {
  Patient patient;
  for (PollLoss& loss : record.losses) {
    if (loss.blind() || loss.never_watched()) {
      patient.found.push_back(std::move(loss));
      continue;
    }
    if (loss.kind == darwin_poll::kSpent) patient.told_late += loss.times;
    if (loss.kind == darwin_poll::kEarly) patient.early += loss.times;
    if (loss.kind == darwin_poll::kReplaced) patient.replaced += loss.times;
  }
  record.losses.clear();
  patient.record = std::move(record);
  return patient;
}

Frame DoctorReport::where(const PollLoss& loss) {
  std::vector<Frame> frames = symbols_.resolve({loss.module, ""}, loss.offset);
  // An inline poll() of the C library's headers is not whom anybody looks for.
  for (Frame& frame : frames)
    if (function_name(frame) != "poll" && function_name(frame) != "ppoll") return frame;
  return frames.back();
}

std::string DoctorReport::finding(const Patient& patient, const PollLoss& loss) {
  const Frame frame = where(loss);
  const std::string place = place_text(frame);
  const std::string what =
      loss.kind == darwin_poll::kUnwatched ? "does not watch fd " : "no longer watches fd ";
  const std::string guilty = ">> " + (place.empty() ? "" : place + "  ") + function_text(frame) + "  " +
                             what + std::to_string(loss.fd) + " (" + loss.object + ")" +
                             (loss.times > 1 ? ", " + plural(loss.times, "time", "times") : "");
  std::string text = patient.record.program + " " + std::to_string(patient.record.pid) + ", thread " +
                     std::to_string(loss.tid) + ": " + poll_call_text(loss);
  if (loss.stuck()) text += ", " + state_text(loss);
  text += "\n" + inked(guilty, Ink::guilty, colours_) + "\n" + story(loss);
  return text + next_text(loss) + "\n\n";
}

std::string DoctorReport::notes(const Patient& patient) const {
  if (quiet_) return {};
  const std::string who = patient.record.program + " " + std::to_string(patient.record.pid) + ": ";
  std::string text;
  if (patient.told_late != 0)
    text += who + plural(patient.told_late, "call", "calls") +
            " did not watch all that was asked for, but returned for something else\n";
  if (patient.early != 0)
    text += who + "poll returned 0 before its time, " + plural(patient.early, "time", "times") + "\n";
  if (patient.replaced != 0)
    text += who + plural(patient.replaced, "entry", "entries") +
            " never told anything: a later one of the same descriptor did\n";
  if (patient.record.overwritten != 0)
    text += who + "the first " + std::to_string(patient.record.overwritten) +
            " losses are not known any more: only the last " + std::to_string(darwin_poll::kLosses) +
            " are kept\n";
  return text;
}

std::string DoctorReport::summary(const std::vector<Patient>& patients, const std::string& ending) const {
  uint64_t hang_ups = 0, blind = 0, never = 0, calls = 0;
  for (const Patient& patient : patients) {
    calls += patient.record.calls;
    for (const PollLoss& loss : patient.found) {
      (loss.lost_hang_up() ? hang_ups : loss.never_watched() ? never : blind)++;
    }
  }
  std::string text = "SUMMARY: " + plural(hang_ups, "lost hang-up", "lost hang-ups") + ", " +
                     plural(blind, "other lost subscription", "other lost subscriptions") + ", " +
                     plural(never, "entry", "entries") + " never watched; " +
                     plural(calls, "call of poll", "calls of poll") + " in " +
                     plural(patients.size(), "process", "processes");
  return text + (ending.empty() ? "" : "; " + ending) + "\n";
}

Json DoctorReport::json(const std::vector<Patient>& patients) {
  Json all = Json::array();
  for (const Patient& patient : patients) {
    Json findings = Json::array();
    for (const PollLoss& loss : patient.found) findings.push_back(loss_json(loss, where(loss)));
    all.push_back({{"pid", patient.record.pid},
                   {"program", patient.record.program},
                   {"profile", patient.record.old ? "darwin-old" : "darwin"},
                   {"alive", patient.record.alive},
                   {"calls", patient.record.calls},
                   {"findings", findings},
                   {"told_late", patient.told_late},
                   {"early", patient.early},
                   {"replaced", patient.replaced},
                   {"overwritten", patient.record.overwritten}});
  }
  return all;
}

}  // namespace portolan::cli
