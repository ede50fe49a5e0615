// SPDX-License-Identifier: Apache-2.0
#include "launchd/value.hpp"

#include <plist/plist.h>
#include <strings.h>

#include <cstdlib>
#include <limits>
#include <memory>

namespace portolan::launchd {

namespace {

constexpr unsigned kDepth = 64;             // of nesting that is read
constexpr int64_t kPlistEpoch = 978307200;  // 2001-01-01, where property lists begin to count

struct FreeNode {
  void operator()(void* node) const { plist_free(node); }
};
using Node = std::unique_ptr<void, FreeNode>;

struct FreeBytes {
  void operator()(void* bytes) const { std::free(bytes); }
};
template <class T>
using Bytes = std::unique_ptr<T, FreeBytes>;

Value from_node(plist_t node, unsigned depth);

Value from_array(plist_t node, unsigned depth) {
  Value value = Value::array();
  const uint32_t count = plist_array_get_size(node);
  plist_array_iter place = nullptr;
  plist_array_new_iter(node, &place);
  const Bytes<void> owner(place);
  for (uint32_t i = 0; i < count; i++) {
    plist_t item = nullptr;
    plist_array_next_item(node, place, &item);
    value.add(from_node(item, depth + 1));
  }
  return value;
}

Value from_dictionary(plist_t node, unsigned depth) {
  Value value = Value::dictionary();
  plist_dict_iter place = nullptr;
  plist_dict_new_iter(node, &place);
  const Bytes<void> owner(place);
  for (;;) {
    char* key = nullptr;
    plist_t item = nullptr;
    plist_dict_next_item(node, place, &key, &item);
    const Bytes<char> text(key);
    if (item == nullptr) return value;
    value.members()->emplace_back(key == nullptr ? "" : key, from_node(item, depth + 1));
  }
}

Value from_node(plist_t node, unsigned depth) {
  if (node == nullptr || depth > kDepth) return {};
  switch (plist_get_node_type(node)) {
    case PLIST_BOOLEAN: {
      uint8_t is = 0;
      plist_get_bool_val(node, &is);
      return is != 0;
    }
    case PLIST_UINT: {
      uint64_t is = 0;
      plist_get_uint_val(node, &is);
      return static_cast<int64_t>(is);
    }
    case PLIST_REAL: {
      double is = 0;
      plist_get_real_val(node, &is);
      return is;
    }
    case PLIST_STRING: {
      uint64_t length = 0;
      const char* is = plist_get_string_ptr(node, &length);
      return is == nullptr ? std::string() : std::string(is, length);
    }
    case PLIST_DATA: {
      uint64_t length = 0;
      const char* is = plist_get_data_ptr(node, &length);
      return Value::Data{is == nullptr ? std::string() : std::string(is, length)};
    }
    case PLIST_DATE: {
      int32_t seconds = 0, micros = 0;
      plist_get_date_val(node, &seconds, &micros);
      return Value::Date{seconds + kPlistEpoch};
    }
    case PLIST_ARRAY:
      return from_array(node, depth);
    case PLIST_DICT:
      return from_dictionary(node, depth);
    default:
      return {};
  }
}

Node to_node(const Value& value) {
  using Type = Value::Type;
  switch (value.type()) {
    case Type::none:
      return Node(plist_new_string(""));
    case Type::boolean:
      return Node(plist_new_bool(*value.boolean() ? 1 : 0));
    case Type::integer:
      return Node(plist_new_uint(static_cast<uint64_t>(*value.integer())));
    case Type::real:
      return Node(plist_new_real(*value.real()));
    case Type::string:
      return Node(plist_new_string(value.string()->c_str()));
    case Type::data:
      return Node(plist_new_data(value.data()->bytes.data(), value.data()->bytes.size()));
    case Type::date:
      return Node(plist_new_date(static_cast<int32_t>(value.date()->seconds - kPlistEpoch), 0));
    case Type::array: {
      Node node(plist_new_array());
      for (const Value& item : *value.items()) plist_array_append_item(node.get(), to_node(item).release());
      return node;
    }
    case Type::dictionary: {
      Node node(plist_new_dict());
      for (const auto& [key, member] : *value.members())
        plist_dict_set_item(node.get(), key.c_str(), to_node(member).release());
      return node;
    }
  }
  return Node(plist_new_string(""));
}

}  // namespace

bool same_letters(const std::string& a, const std::string& b) {
  return strcasecmp(a.c_str(), b.c_str()) == 0;
}

const char* Value::type_word() const {
  switch (type()) {
    case Type::none:
      return "nothing";
    case Type::boolean:
      return "a boolean";
    case Type::integer:
      return "an integer";
    case Type::real:
      return "a real number";
    case Type::string:
      return "a string";
    case Type::data:
      return "data";
    case Type::date:
      return "a date";
    case Type::array:
      return "an array";
    case Type::dictionary:
      return "a dictionary";
  }
  return "nothing";
}

const Value* Value::find(const std::string& key) const {
  if (members() == nullptr) return nullptr;
  for (const auto& [name, member] : *members())
    if (same_letters(name, key)) return &member;
  return nullptr;
}

std::string Value::text(const std::string& key) const {
  const Value* member = find(key);
  return member != nullptr && member->string() != nullptr ? *member->string() : std::string();
}

int64_t Value::number(const std::string& key, int64_t otherwise) const {
  const Value* member = find(key);
  return member != nullptr && member->integer() != nullptr ? *member->integer() : otherwise;
}

bool Value::flag(const std::string& key) const {
  const Value* member = find(key);
  return member != nullptr && member->boolean() != nullptr && *member->boolean();
}

Value& Value::set(const std::string& key, Value value) {
  for (auto& [name, member] : *members())
    if (name == key) {
      member = std::move(value);
      return *this;
    }
  members()->emplace_back(key, std::move(value));
  return *this;
}

void Value::erase(const std::string& key) {
  std::erase_if(*members(), [&](const auto& member) { return same_letters(member.first, key); });
}

void Value::add(Value value) { items()->push_back(std::move(value)); }

Value parse(const std::string& bytes) {
  if (bytes.size() > std::numeric_limits<uint32_t>::max()) return {};
  plist_t root = nullptr;
  plist_from_memory(bytes.data(), static_cast<uint32_t>(bytes.size()), &root);
  const Node owner(root);
  return from_node(root, 0);
}

std::string to_binary(const Value& value) {
  const Node node = to_node(value);
  char* bytes = nullptr;
  uint32_t length = 0;
  plist_to_bin(node.get(), &bytes, &length);
  const Bytes<char> owner(bytes);
  return bytes == nullptr ? std::string() : std::string(bytes, length);
}

std::string to_xml(const Value& value) {
  const Node node = to_node(value);
  char* bytes = nullptr;
  uint32_t length = 0;
  plist_to_xml(node.get(), &bytes, &length);
  const Bytes<char> owner(bytes);
  return bytes == nullptr ? std::string() : std::string(bytes, length);
}

}  // namespace portolan::launchd
