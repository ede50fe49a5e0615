// SPDX-License-Identifier: Apache-2.0
// What all JSON documents share (portolan-json(5)). Ports and names are strings; keys keep the order they are
// written in. Whoever makes one includes <nlohmann/json.hpp> too, which takes a while to compile.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>

#include "inspect/ends.hpp"
#include "inspect/symbols.hpp"

namespace portolan::cli {

using Json = nlohmann::ordered_json;

// schema, portolan, domain, boot, time.
Json document(const char* command, const std::string& domain, const std::string& boot);
Json frame_json(const inspect::Frame& frame);
Json holding_json(const inspect::Holding& holding);
Json rights_json(uint32_t type);  // ["recv","send"]
// One document, as a text that ends in a line feed; bytes that are no UTF-8 are replaced.
std::string dump(const Json& json, bool one_line = false);

}  // namespace portolan::cli
