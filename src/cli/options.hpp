// SPDX-License-Identifier: Apache-2.0
// What may be said on a command line, as data. Only options.cpp knows the library that parses it, whose
// header takes longer to compile than any command.
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

namespace portolan::cli {

// Where a value goes. `bool`: a flag, which has none.
using OptionTarget = std::variant<bool*, int*, double*, uint64_t*, std::string*, std::optional<double>*,
                                  std::optional<std::string>*, std::vector<std::string>*>;

struct Option {
  std::string names;  // "-d,--domain"; without a dash, like "task": the words that are no options
  std::string value;  // what its value is, for people: "DOMAIN"
  OptionTarget target;
  std::string description;
  std::optional<double> least, most, above;  // of a number
  std::vector<std::string> choices;          // of a word
  bool value_may_lack = false;               // one that is given needs its `=`
  std::string value_if_lacking;

  Option& between(double low, double high) {
    least = low;
    most = high;
    return *this;
  }
  Option& at_least(double low) {
    least = low;
    return *this;
  }
  Option& more_than(double low) {
    above = low;
    return *this;
  }
  Option& one_of(std::vector<std::string> words) {
    choices = std::move(words);
    return *this;
  }
  Option& with_optional_value(std::string value_without = "1") {
    value_may_lack = true;
    value_if_lacking = std::move(value_without);
    return *this;
  }

  bool has_name(const std::string& name) const;  // "-d" or "--domain"
  bool positional() const { return names[0] != '-'; }
  bool takes_value() const { return !value_may_lack && !std::holds_alternative<bool*>(target); }
};

class Options {
 public:
  // `names`: "-d,--domain DOMAIN". The reference is good until the next is added.
  Option& add(std::string names, OptionTarget target, std::string description) {
    const size_t space = std::min(names.find(' '), names.size());
    std::string value = names.substr(std::min(space + 1, names.size()));
    names.resize(space);
    return list_.emplace_back(Option{
        std::move(names), std::move(value), target, std::move(description), {}, {}, {}, {}, false, {}});
  }
  const std::vector<Option>& all() const { return list_; }

  // How many of the words are options, before the first that is something else. `--` counts as the last of
  // them.
  size_t count(const std::vector<std::string>& words) const;
  // Stores what the words say. Throws Failure.
  void parse(std::vector<std::string> words) const;

 private:
  std::vector<Option> list_;
};

}  // namespace portolan::cli
