// SPDX-License-Identifier: Apache-2.0
#include "cli/json.hpp"

#include <portolan_config.h>
#include <time.h>

#include <nlohmann/json.hpp>

#include "inspect/words.hpp"

namespace portolan::cli {

Json document(const char* command, const std::string& domain, const std::string& boot) {
  const time_t now = time(nullptr);
  tm parts{};
  gmtime_r(&now, &parts);
  char text[32];
  strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &parts);
  return {{"schema", std::string("portolan.") + command + "/1"},
          {"portolan", PORTOLAN_VERSION},
          {"domain", domain},
          {"boot", boot},
          {"time", text}};
}

Json frame_json(const inspect::Frame& frame) {
  Json json;
  json["function"] = frame.function.empty() ? Json() : Json(frame.function);
  json["file"] = frame.file.empty() ? Json() : Json(frame.file);
  json["line"] = frame.line == 0 ? Json() : Json(frame.line);
  json["module"] = frame.module;
  json["build_id"] = frame.build_id;
  json["offset"] = frame.offset;
  return json;
}

Json holding_json(const inspect::Holding& holding) {
  Json json = Json::object();
  for (const auto& [right, tally] : holding) json[right] = {{"names", tally.names}, {"urefs", tally.urefs}};
  return json;
}

Json rights_json(uint32_t type) {
  Json json = Json::array();
  for (const char* word : inspect::right_words(type)) json.push_back(word);
  return json;
}

std::string dump(const Json& json, bool one_line) {
  return json.dump(one_line ? -1 : 1, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace portolan::cli
