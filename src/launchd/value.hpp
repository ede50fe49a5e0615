// SPDX-License-Identifier: Apache-2.0
// A property list as data: what job files, requests and launchd's own files are made of. Only value.cpp knows
// the library that reads and writes their XML and binary forms.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <variant>
#include <vector>

namespace portolan::launchd {

class Value {
 public:
  enum class Type { none, boolean, integer, real, string, data, date, array, dictionary };
  using Array = std::vector<Value>;
  using Dictionary = std::vector<std::pair<std::string, Value>>;  // keys in the order of the file
  struct Data {
    std::string bytes;
  };
  struct Date {
    int64_t seconds = 0;
  };

  Value() = default;
  Value(bool it) : it_(it) {}
  Value(int it) : it_(int64_t{it}) {}
  Value(int64_t it) : it_(it) {}
  Value(uint32_t it) : it_(int64_t{it}) {}
  Value(double it) : it_(it) {}
  Value(const char* it) : it_(std::string(it)) {}
  Value(std::string it) : it_(std::move(it)) {}
  Value(Data it) : it_(std::move(it)) {}
  Value(Date it) : it_(it) {}
  Value(Array it) : it_(std::move(it)) {}
  static Value dictionary() {
    Value value;
    value.it_ = Dictionary{};
    return value;
  }
  static Value array() { return Value(Array{}); }

  Type type() const { return static_cast<Type>(it_.index()); }
  const char* type_word() const;  // "a string"
  explicit operator bool() const { return type() != Type::none; }

  // nullptr when it is something else.
  const bool* boolean() const { return std::get_if<bool>(&it_); }
  const int64_t* integer() const { return std::get_if<int64_t>(&it_); }
  const double* real() const { return std::get_if<double>(&it_); }
  const std::string* string() const { return std::get_if<std::string>(&it_); }
  const Data* data() const { return std::get_if<Data>(&it_); }
  const Date* date() const { return std::get_if<Date>(&it_); }
  const Array* items() const { return std::get_if<Array>(&it_); }
  const Dictionary* members() const { return std::get_if<Dictionary>(&it_); }
  Array* items() { return std::get_if<Array>(&it_); }
  Dictionary* members() { return std::get_if<Dictionary>(&it_); }

  // Of a dictionary, whatever the case of the key's letters; nullptr: not there.
  const Value* find(const std::string& key) const;
  // What is not there, or is of another type, is empty, 0, false.
  std::string text(const std::string& key) const;
  int64_t number(const std::string& key, int64_t otherwise = 0) const;
  bool flag(const std::string& key) const;

  Value& set(const std::string& key, Value value);  // the dictionary itself
  void erase(const std::string& key);
  void add(Value value);

 private:
  std::variant<std::monostate, bool, int64_t, double, std::string, Data, Date, Array, Dictionary> it_;
};

bool same_letters(const std::string& a, const std::string& b);  // whatever their case

// From XML or binary. None: it is no property list.
Value parse(const std::string& bytes);
std::string to_binary(const Value& value);
std::string to_xml(const Value& value);

}  // namespace portolan::launchd
