// SPDX-License-Identifier: Apache-2.0
// portolan trace: who holds the other ends of a task's ports, the task itself included; and, where sites are
// recorded, the line that most of its names come from.
#include <mach/port.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>

#include "cli/command.hpp"
#include "cli/json.hpp"
#include "cli/recording.hpp"
#include "cli/repeat.hpp"
#include "cli/source.hpp"
#include "cli/table.hpp"
#include "cli/terminal.hpp"
#include "inspect/stacks.hpp"
#include "inspect/words.hpp"

namespace portolan::cli {

using namespace inspect;

namespace {

// The line that most names of a task come from.
struct Guilty {
  uint64_t names = 0;  // of those that still exist
  uint64_t known = 0;  // names with a stack
  const Stack* stack = nullptr;
};

Guilty blame(const TaskInfo& task, Stacks& stacks, uint32_t rights, uint64_t since_ns) {
  std::map<std::string, std::pair<uint64_t, const Stack*>> lines;
  Guilty guilty;
  for (const NameInfo& name : task.names) {
    if (!name.has(rights)) continue;
    const Acquired* latest = nullptr;
    for (const Acquired& record : name.acquired)
      if (record.site != 0 && record.when_ns >= since_ns &&
          (latest == nullptr || record.when_ns > latest->when_ns))
        latest = &record;
    if (latest == nullptr) continue;
    const Stack& stack = stacks.of(latest->site);
    const auto* frame = stack.guilty_frame();
    if (frame == nullptr) continue;
    guilty.known++;
    auto& [count, example] = lines[stack.call + function_name(*frame) + place_text(*frame)];
    count++;
    if (example == nullptr) example = &stack;
  }
  for (const auto& [key, line] : lines)
    if (line.first > guilty.names) {
      guilty.names = line.first;
      guilty.stack = line.second;
    }
  return guilty;
}

std::string upper(const std::string& text) {
  std::string result = text;
  for (char& c : result)
    if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
  return result;
}

bool odd_urefs(const Tally& tally) { return tally.urefs > tally.names; }

// "dead 5,061 (6,223 urefs)": one text for each right, in one list.
std::vector<std::string> holding_texts(const Holding& holding) {
  std::vector<std::string> texts;
  for (const char* key : {"dead", "recv", "send", "once", "set"}) {
    const auto found = holding.find(key);
    if (found == holding.end()) continue;
    const Tally& tally = found->second;
    texts.push_back(std::string(key) + " " + grouped(tally.names) +
                    (odd_urefs(tally) ? " (" + grouped(tally.urefs) + " urefs)" : ""));
  }
  return texts;
}

// Joins short texts so that each line is at most `width` long.
std::vector<std::string> packed(const std::vector<std::string>& texts, size_t width) {
  std::vector<std::string> lines;
  for (const std::string& text : texts) {
    if (!lines.empty() && lines.back().size() + 2 + text.size() <= width)
      lines.back() += ", " + text;
    else
      lines.push_back(text);
  }
  return lines;
}

std::string holder_name(const Holder& holder) {
  if (holder.self) return holder.program + " itself";
  if (holder.program == "gone")
    return holder.pid == 0 ? "unknown, dead" : "pid " + std::to_string(holder.pid) + ", gone";
  return holder.pid == 0 ? holder.program : holder.program + " " + std::to_string(holder.pid);
}

class Trace : public Command {
 public:
  const char* name() const override { return "trace"; }
  const char* summary() const override { return "who holds the other ends of a task's ports"; }
  const char* question() const override { return "Who holds what"; }

  void options(Options& options) override {
    options.add("--sites SECONDS", &seconds_, "record stacks in the running task for so many seconds first")
        .more_than(0);
    options.add("--right SET", &rights_, "only these names of the task: send, recv, send-once, dead");
    options.add("--with TASK", &with_, "only this other end: pid, program name or quoted glob");
    options.add("--names", &names_, "list the pairs of names");
    options.add("task", &task_, "pid or program name");
  }

  int run(const Globals& globals, const std::vector<std::string>&) override {
    if (task_.empty())
      throw Failure{kUsage, "which task?", "portolan trace TASK        (portolan ps lists them)"};
    if (!rights_.empty() && (mask_ = parse_rights(rights_)) == 0)
      throw Failure{kUsage, "--right: no such right in " + rights_, "--right send,recv,send-once,dead"};
    const Source source(globals);
    uint64_t since = 0;
    if (seconds_) {
      const Snapshot start = source.snapshot();
      select_task(start, task_, "trace");  // before anybody waits for nothing
      since = start.taken_ns;
      Recording recording(source);
      pause_seconds(*seconds_);
    }
    return repeat(globals, [&](bool paged) {
      once(globals, source, since, paged);
      return static_cast<int>(kFine);
    });
  }

 private:
  void once(const Globals& globals, const Source& source, uint64_t since, bool paged) const {
    const Snapshot snapshot = source.snapshot();
    const TaskInfo& task = select_task(snapshot, task_, "trace");
    const Ends ends(snapshot);
    std::vector<Holder> holders = inspect::trace(snapshot, ends, task, mask_);
    if (!with_.empty()) {
      const std::vector<const TaskInfo*> wanted = select_tasks(snapshot, with_, "ps");
      std::erase_if(holders, [&](const Holder& holder) {
        return std::none_of(wanted.begin(), wanted.end(),
                            [&](const TaskInfo* other) { return other->pid == holder.pid; });
      });
    }
    Symbols symbols;
    Stacks stacks(snapshot, symbols);
    const Guilty guilty = blame(task, stacks, mask_, since);
    if (globals.json) {
      show(dump(json(source, snapshot, task, holders, guilty), globals.watch.has_value()), false);
      return;
    }
    const unsigned width = width_of(STDOUT_FILENO, globals.wide);
    const bool colours = colours_on(STDOUT_FILENO);
    std::string text = inked(task.program + " (" + std::to_string(task.pid) + ")", Ink::strong, colours) +
                       ": " + plural(task.names.size(), "name") + ", " + plural(holders.size(), "other end");
    if (seconds_) text += "; sites recorded for " + decimal_plain(*seconds_) + " s";
    if (mask_ != ~0u) text += "; " + rights_text(mask_) + " only";
    text += "\n\n" + table(task, holders, width);
    if (names_) text += "\n" + pairs(holders, width);
    text += "\n" + verdict(task, holders, guilty, colours, width);
    show(text, paged);
  }

  static std::string decimal_plain(double value) {
    std::string text = decimal(value);
    if (text.size() > 2 && text.substr(text.size() - 2) == ".0") text.erase(text.size() - 2);
    return text;
  }

  // The end that stands out: more than half of all names.
  static bool stands_out(const TaskInfo& task, const Holder& holder) {
    return holder.ports >= 10 && holder.ports * 2 > task.names.size();
  }

  static std::string table(const TaskInfo& task, const std::vector<Holder>& holders, unsigned width) {
    Table table({{"  "},
                 {"OTHER END", false, 14},
                 {"PORTS", true},
                 {" " + upper(task.program.substr(0, 16)) + " HOLDS", false, 18},
                 {" THE OTHER END HOLDS", false, 18}});
    for (const Holder& holder : holders) {
      std::vector<std::string> theirs;
      std::vector<std::pair<std::string, uint64_t>> objects(holder.kobjects.begin(), holder.kobjects.end());
      std::stable_sort(objects.begin(), objects.end(),
                       [](const auto& a, const auto& b) { return a.second > b.second; });
      for (const auto& [word, count] : objects) theirs.push_back(word + " " + grouped(count));
      for (const std::string& text : holding_texts(holder.holds)) theirs.push_back(text);
      const std::vector<std::string> left = packed(holding_texts(holder.target_holds), 24),
                                     right = packed(theirs, 26);
      for (size_t i = 0; i < std::max<size_t>({1, left.size(), right.size()}); i++)
        table.row({i == 0 && stands_out(task, holder) ? ">>" : "  ", i == 0 ? holder_name(holder) : "",
                   i == 0 ? grouped(holder.ports) : "", i < left.size() ? " " + left[i] : "",
                   i < right.size() ? " " + right[i] : ""});
    }
    return table.text(width);
  }

  static std::string pairs(const std::vector<Holder>& holders, unsigned width) {
    Table table({{"PORT"}, {"NAME"}, {"RIGHTS", false}, {"OTHER END", false, 14}, {"ITS NAME"}, {"RIGHTS"}});
    for (const Holder& holder : holders)
      for (const Pair& pair : holder.pairs)
        table.row({port_word(pair.port), hex(pair.target_name), inspect::rights_text(pair.target_right),
                   holder_name(holder), pair.holder_name == 0 ? "-" : hex(pair.holder_name),
                   pair.right == 0 ? "-" : inspect::rights_text(pair.right)});
    return table.text(width);
  }

  std::string verdict(const TaskInfo& task, const std::vector<Holder>& holders, const Guilty& guilty,
                      bool colours, unsigned width) const {
    std::string text;
    if (!holders.empty() && stands_out(task, holders[0])) {
      const Holder& most = holders[0];
      const uint64_t share = task.names.empty() ? 0 : most.ports * 100 / task.names.size();
      std::string what = most.self ? "its own ports" : "shared with " + holder_name(most);
      uint64_t best = 0;
      for (const auto& [word, count] : most.kobjects)
        if (count > best && count * 2 > most.ports) {
          best = count;
          const std::string kind = word == "THREAD-CONTROL" ? "threads' ports"
                                   : word == "TASK-CONTROL" ? "task ports"
                                                            : word + " ports";
          what = most.self ? "its own " + kind : kind + (most.pid == 0 ? "" : " of " + holder_name(most));
        }
      text += std::to_string(share) + " % of its names are " + what;
    } else {
      text += "no other end has most of its names";
    }
    if (guilty.stack == nullptr) {
      const char* why =
          seconds_ ? "nothing was acquired while sites were recorded" : "unknown, sites are off";
      text += "\n" + inked(">>", Ink::guilty, colours) + " where: " + why + "\n";
    } else {
      const auto& frame = *guilty.stack->guilty_frame();
      const std::string share = guilty.names == guilty.known ? "all" : grouped(guilty.names) + " of them";
      text += ";\n" +
              (seconds_ ? plural(guilty.known, "name") + " got references in these " +
                              decimal_plain(*seconds_) + " s, "
                        : plural(guilty.known, "name") + " with a stack, ") +
              share + " from\n";
      std::string line = place_text(frame);
      line += (line.empty() ? "" : "  ") + function_text(frame);
      if (!guilty.stack->call.empty()) line += "  by " + guilty.stack->call + "()";
      text += inked(">>", Ink::guilty, colours) + " " +
              inked(width == 0 ? line : cut_middle(line, width - 3), Ink::guilty, colours) + "\n";
    }
    const std::string check = "portolan check ./" + task.program;
    const std::string lsmp = "portolan lsmp " + task.program + " --right dead";
    const size_t column = std::max(check.size(), lsmp.size()) + 4;
    text += "next  " + check + std::string(column - check.size(), ' ') + "every stack, what was released\n";
    text += "      " + lsmp + std::string(column - lsmp.size(), ' ') + "name by name\n";
    return text;
  }

  static Json json(const Source& source, const Snapshot& snapshot, const TaskInfo& task,
                   const std::vector<Holder>& holders, const Guilty& guilty) {
    Json json = document("trace", source.name(), snapshot.boot);
    json["target"] = {{"pid", task.pid}, {"program", task.program}, {"names", task.names.size()}};
    json["holders"] = Json::array();
    for (const Holder& holder : holders) {
      Json row;
      row["pid"] = holder.pid == 0 ? Json() : Json(holder.pid);
      row["program"] = holder.program;
      row["self"] = holder.self;
      row["ports"] = holder.ports;
      row["kobjects"] = Json::object();
      for (const auto& [word, count] : holder.kobjects) row["kobjects"][word] = count;
      row["target_holds"] = holding_json(holder.target_holds);
      row["holds"] = holding_json(holder.holds);
      row["pairs"] = Json::array();
      for (const Pair& pair : holder.pairs)
        row["pairs"].push_back({{"port", pair.port == 0 ? Json() : Json(port_word(pair.port))},
                                {"target_name", hex(pair.target_name)},
                                {"holder_name", pair.holder_name == 0 ? Json() : Json(hex(pair.holder_name))},
                                {"target_right", right_key(pair.target_right)},
                                {"right", pair.right == 0 ? Json() : Json(right_key(pair.right))}});
      json["holders"].push_back(std::move(row));
    }
    json["guilty"] = nullptr;
    if (guilty.stack != nullptr)
      json["guilty"] = {{"names", guilty.names},
                        {"share", task.names.empty() ? 0.0
                                                     : static_cast<double>(guilty.names) /
                                                           static_cast<double>(task.names.size())},
                        {"call", guilty.stack->call},
                        {"frame", frame_json(*guilty.stack->guilty_frame())}};
    return json;
  }

  std::string task_, rights_, with_;
  uint32_t mask_ = ~0u;
  std::optional<double> seconds_;
  bool names_ = false;
};

}  // namespace

std::unique_ptr<Command> make_trace() { return std::make_unique<Trace>(); }

}  // namespace portolan::cli
