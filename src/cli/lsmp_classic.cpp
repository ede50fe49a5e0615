// SPDX-License-Identifier: Apache-2.0
// lsmp as Darwin prints it: columns, words and JSON keys of docs/rules/tasks.md 7.8. The ends that Darwin's
// program misses for want of the right hash chain are found here.
#include <mach/port.h>

#include <algorithm>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "cli/lsmp.hpp"
#include "inspect/words.hpp"
#include "ipc/objects.hpp"

namespace portolan::cli {

using namespace inspect;

namespace {

std::string hex8(uint64_t value) {
  char text[24];
  snprintf(text, sizeof text, "0x%08llx", static_cast<unsigned long long>(value & 0xffffffff));
  return text;
}

// The object's hash, as mach_port_space_info gives it (ipc/mach_port_info.cpp).
std::string object_word(uint64_t identity) {
  if (identity == 0) return hex8(0);
  const uint64_t mixed = (identity ^ identity >> 32) * 0x9e3779b97f4a7c15u;
  const auto folded = static_cast<uint32_t>(mixed >> 32);
  return hex8(folded == 0 ? 1 : folded);
}

std::string hex16(uint64_t value) {
  char text[24];
  snprintf(text, sizeof text, "0x%016llx", static_cast<unsigned long long>(value));
  return text;
}

// A line with texts at given columns.
class Line {
 public:
  Line& at(size_t column, const std::string& text) {
    if (line_.size() < column) line_.resize(column, ' ');
    line_ += text;
    return *this;
  }
  // Right-aligned so that it ends before `end`; nothing for `blank`.
  Line& ending(size_t end, const std::string& text) {
    return at(end > text.size() ? end - text.size() : 0, text);
  }
  std::string take(size_t width = 0) {
    if (line_.size() < width) line_.resize(width, ' ');
    return std::move(line_) + "\n";
  }

 private:
  std::string line_;
};

std::string flags_text(const PortInfo& port) {
  std::string text = "--------";
  if ((port.flags & ipc::kPortTempOwner) != 0) text[2] = 'T';
  if ((port.flags & ipc::kPortGuarded) != 0) text[3] = 'G';
  if ((port.flags & ipc::kPortStrict) != 0) text[4] = 'S';
  if ((port.flags & ipc::kPortImpDonation) != 0) text[5] = 'I';
  return text;
}

Json flags_json(const PortInfo& port) {
  Json json = Json::array();
  if ((port.flags & ipc::kPortTempOwner) != 0) json.push_back("tempowner");
  if ((port.flags & ipc::kPortGuarded) != 0) json.push_back("guarded");
  if ((port.flags & ipc::kPortStrict) != 0) json.push_back("strict guard");
  if ((port.flags & ipc::kPortImpDonation) != 0) json.push_back("imp donation");
  return json;
}

std::string process(const TaskInfo& task) { return "(" + std::to_string(task.pid) + ") " + task.program; }

struct Counts {
  unsigned total = 0, send = 0, receive = 0, once = 0, set = 0, dead = 0, requests = 0;
};

class Classic {
 public:
  Classic(const Snapshot& snapshot, const Ends& ends, const TaskInfo& task)
      : snapshot_(snapshot), ends_(ends), task_(task) {
    for (const NameInfo& name : task.names) {
      counts_.total++;
      if (name.has(MACH_PORT_TYPE_SEND)) counts_.send++;
      if (name.has(MACH_PORT_TYPE_RECEIVE)) counts_.receive++;
      if (name.has(MACH_PORT_TYPE_SEND_ONCE)) counts_.once++;
      if (name.has(MACH_PORT_TYPE_PORT_SET)) counts_.set++;
      if (name.has(MACH_PORT_TYPE_DEAD_NAME)) counts_.dead++;
      if (name.requests != 0) counts_.requests++;
    }
  }

  std::string text(bool with_threads) {
    out_ = "Process (" + std::to_string(task_.pid) + ") : " + task_.program + "\n";
    out_ += Line()
                .at(2, "name")
                .at(12, "ipc-object")
                .at(26, "rights")
                .at(37, "flags")
                .at(45, "boost")
                .at(52, "reqs")
                .at(58, "recv")
                .at(64, "send")
                .at(69, "sonce")
                .at(75, "oref")
                .at(81, "qlimit")
                .at(89, "msgcount")
                .at(99, "context")
                .at(118, "identifier")
                .at(130, "type")
                .take();
    Line rule;
    for (const auto& [column, dashes] : {std::pair<size_t, size_t>{0, 9},
                                         {12, 10},
                                         {24, 10},
                                         {36, 8},
                                         {45, 5},
                                         {52, 4},
                                         {57, 5},
                                         {63, 5},
                                         {69, 5},
                                         {75, 4},
                                         {81, 6},
                                         {89, 8},
                                         {99, 18},
                                         {118, 11},
                                         {130, 12}})
      rule.at(column, std::string(dashes, '-'));
    out_ += rule.take();
    for (const NameInfo& name : task_.names) row(name);
    out_ += "\n";
    for (const auto& [label, value] : {std::pair<const char*, unsigned>{"total", counts_.total},
                                       {"SEND", counts_.send},
                                       {"RECEIVE", counts_.receive},
                                       {"SEND_ONCE", counts_.once},
                                       {"PORT_SET", counts_.set},
                                       {"DEAD_NAME", counts_.dead},
                                       {"DNREQUEST", counts_.requests},
                                       {"VOUCHERS", 0u}}) {
      std::string padded = label;
      padded.resize(10, ' ');
      out_ += padded + " = " + std::to_string(value) + "\n";
    }
    if (with_threads) {
      out_ += "\nThread_KObject  Thread-ID     Port Description.\n";
      for (const uint32_t thread : task_.threads)
        out_ += object_word(thread_port(thread)) + "      " + hex(thread) + "\n";
    }
    return std::move(out_);
  }

  Json json(bool with_threads) {
    Json json = {{"pid", task_.pid}, {"name", task_.program}, {"ports", Json::array()}};
    for (const NameInfo& name : task_.names) json["ports"].push_back(port_json(name));
    json["total"] = counts_.total;
    json["send_rights"] = counts_.send;
    json["receive_rights"] = counts_.receive;
    json["send_once_rights"] = counts_.once;
    json["port_sets"] = counts_.set;
    json["dead_names"] = counts_.dead;
    json["dead_name requests"] = counts_.requests;
    json["vouchers"] = 0;
    json["exception_ports"] = Json::array();
    if (with_threads) {
      json["threads"] = Json::array();
      for (const uint32_t thread : task_.threads)
        json["threads"].push_back({{"kobject", object_word(thread_port(thread))},
                                   {"tid", hex(thread)},
                                   {"exception_ports", Json::array()}});
    }
    return json;
  }

 private:
  uint64_t thread_port(uint32_t tid) const {
    for (const auto& [identity, port] : snapshot_.ports)
      if (port.kobject_tid == tid) return identity;
    return 0;
  }

  void row(const NameInfo& name) {
    const PortInfo* port = snapshot_.port(name.port);
    if (port == nullptr) {
      out_ += Line()
                  .at(0, hex8(name.name))
                  .at(12, hex8(0))
                  .at(24, "dead-name ")
                  .at(36, "--------")
                  .at(52, "---")
                  .ending(68, std::to_string(name.urefs))
                  .take();
      out_.insert(out_.size() - 1, "      ");
      return;
    }
    if (port->is_set) {
      set_row(name, *port);
      return;
    }
    if (name.has(MACH_PORT_TYPE_RECEIVE)) {
      Line line;
      line.at(0, hex8(name.name)).at(12, object_word(name.port));
      receive_columns(line, name, *port);
      out_ += line.take(118);
      for (const End& end : ends_.of(name.port)) {
        if (end.name == &name) continue;
        out_ += Line()
                    .at(18, "+")
                    .at(24, end.name->has(MACH_PORT_TYPE_SEND_ONCE) ? "send-once " : "send      ")
                    .at(36, "--------")
                    .at(52, requests(*end.name))
                    .ending(68, std::to_string(end.name->urefs))
                    .at(77, "<-")
                    .at(118, hex8(end.name->name))
                    .at(130, process(*end.task))
                    .take();
      }
      return;
    }
    send_row(name, *port);
  }

  static std::string requests(const NameInfo& name) { return name.requests != 0 ? "D--" : "---"; }

  void receive_columns(Line& line, const NameInfo& name, const PortInfo& port) {
    std::string reqs = requests(name);
    if (port.no_senders) reqs[1] = 'N';
    if (port.port_destroyed) reqs[2] = 'P';
    line.at(24, name.has(MACH_PORT_TYPE_SEND) ? "recv,send " : "recv      ")
        .at(36, flags_text(port))
        .ending(50, "0")
        .at(52, reqs)
        .ending(62, "1");
    if (name.has(MACH_PORT_TYPE_SEND)) line.ending(68, std::to_string(name.urefs));
    if (port.sorights != 0) line.ending(74, std::to_string(port.sorights));
    line.at(77, port.srights != 0 ? "Y" : "N")
        .ending(87, std::to_string(port.limit))
        .ending(97, std::to_string(port.messages))
        .at(99, hex16(port.context));
  }

  void set_row(const NameInfo& name, const PortInfo& set) {
    out_ += Line()
                .at(0, hex8(name.name))
                .at(12, object_word(name.port))
                .at(24, "port-set")
                .at(36, "--------")
                .at(52, "---")
                .at(61, "1")
                .at(118, std::to_string(set.members.size()) + "  members")
                .take();
    for (const uint64_t member : set.members) {
      const End* end = ends_.receiver(member);
      const PortInfo* port = snapshot_.port(member);
      if (end == nullptr || port == nullptr) continue;
      Line line;
      line.at(1, "-").at(12, object_word(member));
      receive_columns(line, *end->name, *port);
      out_ += line.at(118, hex8(end->name->name)).at(130, process(*end->task)).take();
    }
  }

  void send_row(const NameInfo& name, const PortInfo& port) {
    Line line;
    const bool once = name.has(MACH_PORT_TYPE_SEND_ONCE);
    line.at(0, hex8(name.name))
        .at(12, object_word(name.port))
        .at(24, once ? "send-once " : "send      ")
        .at(36, "--------")
        .at(52, requests(name));
    if (!once) line.ending(68, std::to_string(name.urefs));
    if (port.kobject != 0) {
      out_ += line.at(118, hex8(0)).at(130, kobject_text(port)).take();
      return;
    }
    const End* receiver = ends_.receiver(name.port);
    if (receiver == nullptr) {
      out_ += line.at(118, hex8(0)).at(130, "(-) Unknown Process").take();
      return;
    }
    out_ += line.at(76, "->")
                .ending(87, std::to_string(port.limit))
                .ending(97, std::to_string(port.messages))
                .at(99, hex16(port.context))
                .at(118, hex8(receiver->name->name))
                .at(130, process(*receiver->task))
                .take();
  }

  std::string kobject_text(const PortInfo& port) const {
    std::string text = kobject_word(port.kobject);
    const TaskInfo* behind = port.kobject_pid == 0 ? nullptr : snapshot_.task_of_pid(port.kobject_pid);
    if (is_task_kind(port.kobject) && behind != nullptr)
      text += (behind == &task_ ? " SELF " : " ") + process(*behind);
    if (is_thread_kind(port.kobject) && behind == &task_ && port.kobject_tid != 0)
      text += " (" + hex(port.kobject_tid) + ")";
    return text;
  }

  static Json notifications(const NameInfo& name, const PortInfo* port) {
    Json json = Json::array();
    if (name.requests != 0) json.push_back("dead name");
    if (port != nullptr && port->no_senders) json.push_back("no sender");
    if (port != nullptr && port->port_destroyed) json.push_back("port destroy request");
    return json;
  }

  Json receive_json(const NameInfo& name, const PortInfo& port) const {
    Json rights = Json::array({"recv"});
    if (name.has(MACH_PORT_TYPE_SEND)) rights.push_back("send");
    return {{"rights", rights},
            {"port_status_flags", flags_json(port)},
            {"boosts", 0},
            {"notifications", notifications(name, &port)},
            {"recv_rights", 1},
            {"send_rights", name.has(MACH_PORT_TYPE_SEND) ? name.urefs : 0},
            {"send_once_rights", port.sorights},
            {"oref", port.srights != 0},
            {"queue_limit", port.limit},
            {"msg_count", port.messages},
            {"context", hex16(port.context)}};
  }

  Json port_json(const NameInfo& name) const {
    const PortInfo* port = snapshot_.port(name.port);
    if (port == nullptr)
      return {{"type", "dead name"},
              {"name", hex8(name.name)},
              {"ipc-object", hex8(0)},
              {"send_rights", name.urefs}};
    if (port->is_set) {
      Json json = {{"type", "port set"},
                   {"name", hex8(name.name)},
                   {"ipc-object", object_word(name.port)},
                   {"members", Json::array()}};
      for (const uint64_t member : port->members) {
        const End* end = ends_.receiver(member);
        const PortInfo* inner = snapshot_.port(member);
        if (end == nullptr || inner == nullptr) continue;
        Json row = {{"ipc-object", object_word(member)}};
        row.update(receive_json(*end->name, *inner));
        row.update({{"identifier", hex8(end->name->name)},
                    {"pid", end->task->pid},
                    {"process", end->task->program}});
        json["members"].push_back(std::move(row));
      }
      return json;
    }
    if (name.has(MACH_PORT_TYPE_RECEIVE)) {
      Json json = {{"type", "port"}, {"name", hex8(name.name)}, {"ipc-object", object_word(name.port)}};
      json.update(receive_json(name, *port));
      return json;
    }
    Json json = {{"name", hex8(name.name)},
                 {"ipc-object", object_word(name.port)},
                 {"rights", Json::array({name.has(MACH_PORT_TYPE_SEND_ONCE) ? "send once" : "send"})},
                 {"notifications", notifications(name, nullptr)},
                 {"send_rights", name.urefs}};
    if (port->kobject != 0) {
      json["identifier"] = hex8(0);
      json["type"] = kobject_word(port->kobject);
      const TaskInfo* behind = port->kobject_pid == 0 ? nullptr : snapshot_.task_of_pid(port->kobject_pid);
      if (is_task_kind(port->kobject) && behind != nullptr) {
        json["pid"] = behind->pid;
        json["process"] = behind->program;
      }
      return json;
    }
    const End* receiver = ends_.receiver(name.port);
    if (receiver == nullptr) {
      json.update({{"identifier", "0x00000000"}, {"pid", -1}, {"process", "unknown"}});
      return json;
    }
    json.update({{"queue_limit", port->limit},
                 {"msg_count", port->messages},
                 {"context", hex16(port->context)},
                 {"identifier", hex8(receiver->name->name)},
                 {"pid", receiver->task->pid},
                 {"process", receiver->task->program}});
    return json;
  }

  const Snapshot& snapshot_;
  const Ends& ends_;
  const TaskInfo& task_;
  Counts counts_;
  std::string out_;
};

}  // namespace

std::string classic_text(const Snapshot& snapshot, const Ends& ends, const TaskInfo& task,
                         bool with_threads) {
  return Classic(snapshot, ends, task).text(with_threads);
}

Json classic_json(const Snapshot& snapshot, const Ends& ends, const TaskInfo& task, bool with_threads) {
  return Classic(snapshot, ends, task).json(with_threads);
}

}  // namespace portolan::cli
