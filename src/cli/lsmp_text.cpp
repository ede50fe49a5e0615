// SPDX-License-Identifier: Apache-2.0
// lsmp for people and programs: every name of a task and who is at its other end.
#include <mach/port.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "cli/lsmp.hpp"
#include "cli/table.hpp"
#include "cli/terminal.hpp"
#include "inspect/words.hpp"

namespace portolan::cli {

using namespace inspect;

namespace {

std::string who(const TaskInfo& task, const TaskInfo& self) {
  return &task == &self ? "self" : task.program + " " + std::to_string(task.pid);
}

std::string requests_text(const NameInfo& name, const PortInfo* port) {
  std::string text = "---";
  if ((name.requests & kDeadNameRequest) != 0) text[0] = 'D';
  if ((name.requests & kSendPossibleRequest) != 0) text[0] = 'S';
  if (port != nullptr && name.has(MACH_PORT_TYPE_RECEIVE)) {
    if (port->no_senders) text[1] = 'N';
    if (port->port_destroyed) text[2] = 'P';
  }
  return text;
}

std::string queue_text(const PortInfo* port) {
  if (port == nullptr || port->is_set || port->kobject != 0) return "-";
  return std::to_string(port->messages) + "/" + std::to_string(port->limit) +
         (port->limit != 0 && port->messages >= port->limit ? " !" : "");
}

struct Row {
  const NameInfo* name = nullptr;
  const PortInfo* port = nullptr;
  std::vector<std::string> ends;
};

// Rows with the same key differ in nothing but the port.
std::string fold_key(const Row& row, const TaskInfo& self, const Ends& ends) {
  std::string key = std::to_string(row.name->type) + requests_text(*row.name, row.port);
  if (row.port == nullptr) return key + row.ends[0];
  if (row.port->kobject != 0)
    return key + kobject_word(row.port->kobject) + std::to_string(row.port->kobject_pid);
  key += row.port->service;
  for (const End& end : ends.of(row.name->port))
    if (end.name != row.name) key += " " + who(*end.task, self) + std::to_string(end.name->type);
  return key + (queue_text(row.port).back() == '!' ? "!" : "");
}

bool comes_before(const Row& a, const Row& b, const std::string& key) {
  if (key == "urefs") return a.name->urefs > b.name->urefs;
  if (key == "port") return a.name->port < b.name->port;
  if (key == "queue")
    return (a.port == nullptr ? 0 : a.port->messages) > (b.port == nullptr ? 0 : b.port->messages);
  if (key == "rights") return a.name->type < b.name->type;
  return false;
}

struct Counts {
  uint64_t send = 0, recv = 0, once = 0, set = 0, dead = 0;
};

Counts count(const TaskInfo& task) {
  Counts counts;
  for (const NameInfo& name : task.names) {
    counts.send += name.has(MACH_PORT_TYPE_SEND) ? 1 : 0;
    counts.recv += name.has(MACH_PORT_TYPE_RECEIVE) ? 1 : 0;
    counts.once += name.has(MACH_PORT_TYPE_SEND_ONCE) ? 1 : 0;
    counts.set += name.has(MACH_PORT_TYPE_PORT_SET) ? 1 : 0;
    counts.dead += name.has(MACH_PORT_TYPE_DEAD_NAME) ? 1 : 0;
  }
  return counts;
}

// The newest acquisition tells best where a name comes from.
const Acquired* newest(const NameInfo& name) {
  const Acquired* best = nullptr;
  for (const Acquired& record : name.acquired)
    if (record.site != 0 && (best == nullptr || record.when_ns > best->when_ns)) best = &record;
  return best;
}

std::vector<Row> rows_of(const Snapshot& snapshot, const Ends& ends, const TaskInfo& task,
                         const LsmpStyle& style) {
  std::vector<Row> rows;
  for (const NameInfo& name : task.names)
    if (name.has(style.rights))
      rows.push_back({&name, snapshot.port(name.port), other_ends(snapshot, ends, task, name)});
  std::stable_sort(rows.begin(), rows.end(),
                   [&](const Row& a, const Row& b) { return comes_before(a, b, style.sort); });
  return rows;
}

std::string site_line(const NameInfo& name, Stacks& stacks) {
  const Acquired* record = newest(name);
  if (record == nullptr) return "      at unknown: no stack was recorded";
  const Stack& stack = stacks.of(record->site);
  const auto* guilty = stack.guilty_frame();
  if (guilty == nullptr) return "      at unknown: no stack was recorded";
  std::string text = "      at ";
  if (const std::string place = place_text(*guilty); !place.empty()) text += place + "  ";
  text += function_text(*guilty);
  if (!stack.call.empty()) text += "  by " + stack.call + "()";
  if (record->sender_pid != 0) text += ", message id " + std::to_string(record->message_id);
  return text;
}

// A set's members by name, a few a line, so that none is ever cut.
std::vector<std::string> member_lines(const PortInfo& set, const Ends& ends, const TaskInfo& task) {
  constexpr size_t kEachLine = 3;
  std::vector<std::string> lines{plural(set.members.size(), "member")};
  size_t shown = 0;
  for (const uint64_t member : set.members)
    for (const End& end : ends.of(member)) {
      if (end.task != &task || !end.name->has(MACH_PORT_TYPE_RECEIVE)) continue;
      if (shown++ % kEachLine == 0)
        lines.push_back("  " + hex(end.name->name));
      else
        lines.back() += " " + hex(end.name->name);
    }
  return lines;
}

}  // namespace

std::vector<std::string> other_ends(const Snapshot& snapshot, const Ends& ends, const TaskInfo& task,
                                    const NameInfo& name) {
  const PortInfo* port = snapshot.port(name.port);
  if (port == nullptr) {
    std::string text = "was ";
    text += name.was_kobject != 0 ? kobject_word(name.was_kobject) : "a port";
    if (name.was_pid == 0) return {name.was_kobject == 0 ? "was unknown" : text};
    for (const TaskInfo& candidate : snapshot.tasks)
      if ((candidate.pid & 0xffffff) == name.was_pid)
        return {text + (name.was_kobject == 0 ? " of " : " ") + who(candidate, task)};
    return {text + " of pid " + std::to_string(name.was_pid) + ", gone"};
  }
  if (port->is_set) return member_lines(*port, ends, task);
  if (port->kobject != 0) {
    std::string text = kobject_word(port->kobject);
    const TaskInfo* behind = port->kobject_pid == 0 ? nullptr : snapshot.task_of_pid(port->kobject_pid);
    if (behind != nullptr) text += " " + who(*behind, task);
    if (port->kobject_tid != 0) text += ", thread " + std::to_string(port->kobject_tid);
    if (!port->active) text += ", dead";
    return {text};
  }
  std::vector<std::string> found;
  for (const End& end : ends.of(name.port)) {
    if (end.name == &name) continue;
    const bool receiver = end.name->has(MACH_PORT_TYPE_RECEIVE);
    if (!receiver && !name.has(MACH_PORT_TYPE_RECEIVE)) continue;
    const std::string tail = receiver ? port->service : rights_text(end.name->type);
    found.push_back(std::string(receiver ? "> " : "< ") +
                    (end.task == &task ? "self" : who(*end.task, task)) + ":" + hex(end.name->name) +
                    (tail.empty() ? "" : " " + tail));
  }
  if (found.empty() && !name.has(MACH_PORT_TYPE_RECEIVE)) {
    std::string text = "> ";
    text += port->in_transit ? "in a message" : (port->flags & 0x1000) != 0 ? "idle service" : "nobody";
    found.push_back(text + (port->service.empty() ? "" : " " + port->service));
  }
  if (found.empty() && name.has(MACH_PORT_TYPE_SEND)) found.push_back("< self");
  if (const uint32_t transit = ends.in_transit(*port); transit != 0 && name.has(MACH_PORT_TYPE_RECEIVE))
    found.push_back("< " + plural(transit, "right") + " in messages");
  if (found.empty()) found.push_back(port->service.empty() ? "-" : port->service);
  return found;
}

std::string lsmp_text(const Snapshot& snapshot, const Ends& ends, const TaskInfo& task, Stacks* stacks,
                      const LsmpStyle& style) {
  std::vector<Row> rows = rows_of(snapshot, ends, task, style);
  std::string text = inked(task.program + " (" + std::to_string(task.pid) + ")", Ink::strong, style.colours) +
                     ": " + plural(task.names.size(), "name") + " of " +
                     grouped(task.limit == 0 ? 0 : task.limit - 1) + " possible" +
                     (style.fold ? ", rows alike folded" : "") +
                     (style.rights != ~0u ? ", " + rights_text(style.rights) + " only" : "") + "\n";
  Table table({{"NAME"},
               {"PORT"},
               {"RIGHTS"},
               {"UREFS", true},
               {"QUEUE", true, 0, 2},
               {"REQS", false, 0, 3},
               {"OTHER END", false, 24}});
  auto add = [&](const Row& row) {
    const bool counted =
        row.name->has(MACH_PORT_TYPE_SEND | MACH_PORT_TYPE_DEAD_NAME | MACH_PORT_TYPE_SEND_ONCE);
    table.row({hex(row.name->name), port_word(row.name->port), rights_text(row.name->type),
               counted ? grouped(row.name->urefs) : "-", queue_text(row.port),
               requests_text(*row.name, row.port), row.ends[0]});
    for (size_t i = 1; i < row.ends.size(); i++) table.row({"", "", "", "", "", "", row.ends[i]});
    if (style.sites && stacks != nullptr) table.line(site_line(*row.name, *stacks));
  };
  size_t shown = 0, hidden = 0;
  if (!style.fold) {
    for (const Row& row : rows) {
      if (shown++ < style.most)
        add(row);
      else
        hidden++;
    }
  } else {
    std::vector<std::pair<std::string, std::vector<const Row*>>> groups;
    std::map<std::string, size_t> index;
    for (const Row& row : rows) {
      const auto [at, fresh] = index.try_emplace(fold_key(row, task, ends), groups.size());
      if (fresh) groups.push_back({at->first, {}});
      groups[at->second].second.push_back(&row);
    }
    for (const auto& [key, members] : groups) {
      if (shown++ >= style.most) {
        hidden += members.size();
        continue;
      }
      add(*members[0]);
      if (members.size() == 1) continue;
      uint64_t urefs = 0;
      for (size_t i = 1; i < members.size(); i++) urefs += members[i]->name->urefs;
      table.line("  and " + grouped(members.size() - 1) + " more" +
                 (urefs == 0 ? "" : ", " + grouped(urefs) + " urefs"));
    }
  }
  text += table.text(style.width);
  if (hidden != 0) text += "... " + plural(hidden, "name") + " not shown: -n " + std::to_string(shown) + "\n";
  const Counts counts = count(task);
  text += "total " + grouped(task.names.size()) + "   send " + grouped(counts.send) + "   recv " +
          grouped(counts.recv) + "   send-once " + grouped(counts.once) + "   set " + grouped(counts.set) +
          "   dead " + grouped(counts.dead) + "\n";
  if (style.verbose) {
    text += "threads";
    for (const uint32_t thread : task.threads) text += " " + std::to_string(thread);
    text += "\n";
  }
  return text;
}

Json lsmp_json(const Snapshot& snapshot, const Ends& ends, const TaskInfo& task, Stacks* stacks,
               uint32_t rights) {
  const Counts counts = count(task);
  Json json;
  json["pid"] = task.pid;
  json["program"] = task.program;
  json["slots"] = task.slots;
  json["peak"] = task.peak;
  json["counts"] = {{"send", counts.send},
                    {"recv", counts.recv},
                    {"once", counts.once},
                    {"set", counts.set},
                    {"dead", counts.dead}};
  json["names"] = Json::array();
  for (const NameInfo& name : task.names) {
    if (!name.has(rights)) continue;
    const PortInfo* port = snapshot.port(name.port);
    Json row;
    row["name"] = hex(name.name);
    row["port"] = port == nullptr ? Json() : Json(port_word(name.port));
    row["rights"] = rights_json(name.type);
    row["urefs"] = name.urefs;
    const uint32_t kind = port == nullptr ? name.was_kobject : port->kobject;
    row["kobject"] = kind == 0 ? Json() : Json(kobject_word(kind));
    const uint32_t behind = port == nullptr ? name.was_pid : port->kobject_pid;
    row["behind"] = behind == 0 ? Json() : Json(behind);
    row["thread"] = port == nullptr || port->kobject_tid == 0 ? Json() : Json(port->kobject_tid);
    row["service"] = port == nullptr || port->service.empty() ? Json() : Json(port->service);
    row["requests"] = Json::array();
    if ((name.requests & kDeadNameRequest) != 0) row["requests"].push_back("dead-name");
    if ((name.requests & kSendPossibleRequest) != 0) row["requests"].push_back("send-possible");
    if (port != nullptr && name.has(MACH_PORT_TYPE_RECEIVE) && port->no_senders)
      row["requests"].push_back("no-senders");
    if (port != nullptr && name.has(MACH_PORT_TYPE_RECEIVE) && port->port_destroyed)
      row["requests"].push_back("port-destroyed");
    const Acquired* record = newest(name);
    const auto* guilty =
        record == nullptr || stacks == nullptr ? nullptr : stacks->of(record->site).guilty_frame();
    row["site"] = guilty == nullptr ? Json() : frame_json(*guilty);
    row["queue"] = port == nullptr || port->is_set || port->kobject != 0
                       ? Json()
                       : Json{{"messages", port->messages}, {"limit", port->limit}};
    row["members"] = nullptr;
    if (port != nullptr && port->is_set) {
      row["members"] = Json::array();
      for (const uint64_t member : port->members) row["members"].push_back(port_word(member));
    }
    row["ends"] = Json::array();
    for (const End& end : ends.of(name.port)) {
      if (end.name == &name) continue;
      row["ends"].push_back({{"pid", end.task->pid},
                             {"name", hex(end.name->name)},
                             {"right", right_key(end.name->type)},
                             {"rights", rights_json(end.name->type)},
                             {"urefs", end.name->urefs}});
    }
    row["in_transit"] = port == nullptr || port->is_set ? 0 : ends.in_transit(*port);
    json["names"].push_back(std::move(row));
  }
  return json;
}

}  // namespace portolan::cli
