// SPDX-License-Identifier: Apache-2.0
// Reading corpses back. A file that is not one, or of another schema, is a problem in words, never an
// exception.
#include <nlohmann/json.hpp>

#include "inspect/corpse.hpp"

namespace portolan::inspect {

namespace {

using Json = nlohmann::json;

// Takes the elements of a row one after the other.
class Row {
 public:
  explicit Row(const Json& row) : row_(row) {}
  template <class T>
  Row& operator>>(T& value) {
    const Json& cell = row_.at(next_++);
    if constexpr (std::is_same_v<T, bool>)
      value = cell.get<int>() != 0;
    else
      cell.get_to(value);
    return *this;
  }
  const Json& list() { return row_.at(next_++); }

 private:
  const Json& row_;
  size_t next_ = 0;
};

// Strings come as Latin-1 characters: back to the bytes that they were.
std::string bytes_of(const std::string& utf8) {
  std::string bytes;
  for (size_t i = 0; i < utf8.size(); i++) {
    const auto lead = static_cast<unsigned char>(utf8[i]);
    if (lead < 0x80 || i + 1 == utf8.size()) {
      bytes += utf8[i];
    } else {
      const auto trail = static_cast<unsigned char>(utf8[++i]);
      bytes += static_cast<char>((lead & 3) << 6 | (trail & 0x3f));
    }
  }
  return bytes;
}

NameInfo read_name(const Json& json) {
  NameInfo name;
  Row row(json);
  row >> name.name >> name.type >> name.urefs >> name.port >> name.requests >> name.was_kobject >>
      name.was_pid >> name.died_ns;
  for (const Json& record : row.list()) {
    Acquired a;
    Row(record) >> a.site >> a.thread >> a.count >> a.acquired >> a.message_id >> a.sender_pid >> a.when_ns;
    name.acquired.push_back(a);
  }
  return name;
}

PortInfo read_port(const Json& json) {
  PortInfo port;
  Row row(json);
  row >> port.identity >> port.index >> port.is_set >> port.active >> port.in_transit >> port.receiver_task >>
      port.receiver_name >> port.kobject >> port.kobject_pid >> port.kobject_tid >> port.flags >>
      port.srights >> port.sorights >> port.mscount >> port.seqno >> port.messages >> port.limit >>
      port.no_senders >> port.port_destroyed >> port.waiting >> port.context >> port.kernel_sends >>
      port.service;
  row >> port.members;
  port.service = bytes_of(port.service);
  return port;
}

TaskInfo read_task(const Json& json) {
  TaskInfo task;
  json.at("index").get_to(task.index);
  json.at("pid").get_to(task.pid);
  json.at("uid").get_to(task.uid);
  task.program = bytes_of(json.at("program").get<std::string>());
  task.dead = json.at("dead").get<int>() != 0;
  json.at("slots").get_to(task.slots);
  json.at("limit").get_to(task.limit);
  json.at("peak").get_to(task.peak);
  json.at("joined_ns").get_to(task.joined_ns);
  json.at("threads").get_to(task.threads);
  for (const Json& name : json.at("names")) task.names.push_back(read_name(name));
  return task;
}

}  // namespace

std::optional<Corpse> read_corpse(const std::string& text, std::string& problem) {
  try {
    const Json json = Json::parse(text);
    if (json.at("schema") != "portolan.corpse/1") {
      problem = "schema " + json.at("schema").dump() + ", expected \"portolan.corpse/1\"";
      return std::nullopt;
    }
    Corpse corpse;
    Snapshot& snapshot = corpse.snapshot;
    json.at("boot").get_to(snapshot.boot);
    json.at("taken_ns").get_to(snapshot.taken_ns);
    json.at("flags").get_to(snapshot.flags);
    json.at("layout").get_to(snapshot.layout);
    json.at("task").get_to(corpse.task);
    for (const Json& task : json.at("tasks")) snapshot.tasks.push_back(read_task(task));
    for (const Json& row : json.at("ports")) {
      PortInfo port = read_port(row);
      snapshot.ports.emplace(port.identity, std::move(port));
    }
    for (const Json& json_row : json.at("sites")) {
      uint32_t index = 0;
      SiteInfo site;
      Row row(json_row);
      row >> index >> site.cut >> site.acquired >> site.frames;
      snapshot.sites.emplace(index, std::move(site));
    }
    for (const Json& json_row : json.at("modules")) {
      uint32_t index = 0;
      ModuleInfo module;
      Row row(json_row);
      row >> index >> module.path >> module.build_id;
      module.path = bytes_of(module.path);
      snapshot.modules.emplace(index, std::move(module));
    }
    if (corpse.dead() == nullptr) {
      problem = "the dead task is not in it";
      return std::nullopt;
    }
    return corpse;
  } catch (const Json::exception& error) {
    problem = error.what();
    return std::nullopt;
  }
}

}  // namespace portolan::inspect
