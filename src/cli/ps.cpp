// SPDX-License-Identifier: Apache-2.0
// portolan ps: one line a task. Rates come from two looks: messages from the sequence numbers of its ports'
// queues, names from their count; so a name that came and went between the looks is not seen.
#include <mach/port.h>
#include <unistd.h>

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>

#include "cli/command.hpp"
#include "cli/json.hpp"
#include "cli/repeat.hpp"
#include "cli/source.hpp"
#include "cli/table.hpp"
#include "cli/terminal.hpp"
#include "inspect/words.hpp"

namespace portolan::cli {

using namespace inspect;

namespace {

constexpr double kBetween = 0.3;  // seconds

struct Line {
  uint32_t pid = 0;
  std::string program;
  uint64_t threads = 0, names = 0, send = 0, recv = 0, once = 0, dead = 0, urefs = 0, queued = 0;
  std::optional<double> messages, growth;  // a second; unknown for copies
};

Line line_of(const Snapshot& snapshot, const TaskInfo& task) {
  Line line;
  line.pid = task.pid;
  line.program = task.program;
  line.threads = task.threads.size();
  line.names = task.names.size();
  for (const NameInfo& name : task.names) {
    line.send += name.has(MACH_PORT_TYPE_SEND) ? 1 : 0;
    line.recv += name.has(MACH_PORT_TYPE_RECEIVE) ? 1 : 0;
    line.once += name.has(MACH_PORT_TYPE_SEND_ONCE) ? 1 : 0;
    line.dead += name.has(MACH_PORT_TYPE_DEAD_NAME) ? 1 : 0;
    if (name.has(MACH_PORT_TYPE_SEND | MACH_PORT_TYPE_DEAD_NAME)) line.urefs += name.urefs;
    const PortInfo* port = snapshot.port(name.port);
    if (port != nullptr && !port->is_set && name.has(MACH_PORT_TYPE_RECEIVE)) line.queued += port->messages;
  }
  return line;
}

std::map<uint64_t, uint32_t> received(const Snapshot& snapshot, const TaskInfo& task) {
  std::map<uint64_t, uint32_t> numbers;
  for (const NameInfo& name : task.names) {
    const PortInfo* port = snapshot.port(name.port);
    if (port != nullptr && !port->is_set && name.has(MACH_PORT_TYPE_RECEIVE))
      numbers[name.port] = port->seqno;
  }
  return numbers;
}

std::vector<Line> measure(const Snapshot& before, const Snapshot& now) {
  std::vector<Line> lines;
  for (const TaskInfo& task : now.tasks) {
    if (task.dead) continue;
    Line line = line_of(now, task);
    const TaskInfo* earlier = before.task(task.index);
    const double seconds = static_cast<double>(now.taken_ns - before.taken_ns) / 1e9;
    if (earlier != nullptr && earlier->pid == task.pid && seconds > 0.01) {
      const std::map<uint64_t, uint32_t> old = received(before, *earlier);
      double messages = 0;
      for (const auto& [port, seqno] : received(now, task)) {
        const auto found = old.find(port);
        const uint32_t more = seqno - (found == old.end() ? 0 : found->second);
        if (more < 0x80000000u) messages += more;
      }
      line.messages = messages / seconds;
      line.growth =
          (static_cast<double>(task.names.size()) - static_cast<double>(earlier->names.size())) / seconds;
    }
    lines.push_back(std::move(line));
  }
  return lines;
}

std::string number(const std::optional<double>& value, bool sign) {
  if (!value) return "-";
  const double rounded = *value < 0 ? *value - 0.5 : *value + 0.5;
  const auto whole = static_cast<int64_t>(rounded);
  const std::string text = grouped(static_cast<uint64_t>(whole < 0 ? -whole : whole));
  return whole < 0 ? "-" + text : (sign && whole > 0 ? "+" : "") + text;
}

class Ps : public Command {
 public:
  const char* name() const override { return "ps"; }
  const char* summary() const override { return "one line a task: what it holds, how fast it grows"; }
  const char* question() const override { return "Who is there"; }

  void options(Options& options) override {
    options
        .add("--sort KEY", &sort_,
             "pid, program, names, send, recv, once, dead, urefs, queued, msgs or growth")
        .one_of(
            {"pid", "program", "names", "send", "recv", "once", "dead", "urefs", "queued", "msgs", "growth"});
  }

  int run(const Globals& globals, const std::vector<std::string>&) override {
    const Source source(globals);
    Snapshot before = source.snapshot();
    bool first = true;
    return repeat(globals, [&](bool paged) {
      if (source.live() && first) pause_seconds(kBetween);
      first = false;
      Snapshot now = source.snapshot();
      std::vector<Line> lines = measure(before, now);
      sort_lines(lines);
      if (globals.json)
        show(dump(json(source, now, lines), globals.watch.has_value()), false);
      else
        show(text(lines, width_of(STDOUT_FILENO, globals.wide)), paged);
      before = std::move(now);
      return static_cast<int>(kFine);
    });
  }

 private:
  void sort_lines(std::vector<Line>& lines) const {
    std::stable_sort(lines.begin(), lines.end(), [this](const Line& a, const Line& b) {
      if (sort_ == "program") return a.program < b.program;
      if (sort_ == "names") return a.names > b.names;
      if (sort_ == "send") return a.send > b.send;
      if (sort_ == "recv") return a.recv > b.recv;
      if (sort_ == "once") return a.once > b.once;
      if (sort_ == "dead") return a.dead > b.dead;
      if (sort_ == "urefs") return a.urefs > b.urefs;
      if (sort_ == "queued") return a.queued > b.queued;
      if (sort_ == "msgs") return a.messages.value_or(0) > b.messages.value_or(0);
      if (sort_ == "growth") return a.growth.value_or(0) > b.growth.value_or(0);
      return a.pid < b.pid;
    });
  }

  static std::string text(const std::vector<Line>& lines, unsigned width) {
    Table table({{"PID", true},
                 {"PROGRAM", false, 8},
                 {"THR", true, 0, 4},
                 {"NAMES", true},
                 {"SEND", true},
                 {"RECV", true},
                 {"ONCE", true, 0, 3},
                 {"DEAD", true},
                 {"UREFS", true},
                 {"QUEUED", true, 0, 2},
                 {"MSG/S", true, 0, 1},
                 {"+NAMES/S", true}});
    for (const Line& line : lines)
      table.row({std::to_string(line.pid), line.program, grouped(line.threads), grouped(line.names),
                 grouped(line.send), grouped(line.recv), grouped(line.once), grouped(line.dead),
                 grouped(line.urefs), grouped(line.queued), number(line.messages, false),
                 number(line.growth, true)});
    return table.text(width);
  }

  static Json json(const Source& source, const Snapshot& snapshot, const std::vector<Line>& lines) {
    Json json = document("ps", source.name(), snapshot.boot);
    json["tasks"] = Json::array();
    for (const Line& line : lines)
      json["tasks"].push_back(
          {{"pid", line.pid},
           {"program", line.program},
           {"threads", line.threads},
           {"names", line.names},
           {"counts", {{"send", line.send}, {"recv", line.recv}, {"once", line.once}, {"dead", line.dead}}},
           {"urefs", line.urefs},
           {"queued", line.queued},
           {"messages_per_second", line.messages ? Json(*line.messages) : Json()},
           {"names_per_second", line.growth ? Json(*line.growth) : Json()}});
    return json;
  }

  std::string sort_ = "pid";
};

}  // namespace

std::unique_ptr<Command> make_ps() { return std::make_unique<Ps>(); }

}  // namespace portolan::cli
