// SPDX-License-Identifier: Apache-2.0
#include "cli/options.hpp"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <sstream>

#include "cli/command.hpp"

namespace portolan::cli {

namespace {

std::vector<std::string> split(const std::string& names) {
  std::vector<std::string> all;
  std::istringstream stream(names);
  for (std::string name; std::getline(stream, name, ',');) all.push_back(name);
  return all;
}

// Does this word bring the value of an option along, or does the next word?
bool takes_next(const std::vector<Option>& options, const std::string& word) {
  if (word.rfind("--", 0) == 0 ? word.find('=') != std::string::npos : word.size() > 2) return false;
  return std::any_of(options.begin(), options.end(),
                     [&](const Option& option) { return option.has_name(word) && option.takes_value(); });
}

void check_number(const Option& option, CLI::Option& parsed) {
  if (!option.least && !option.most && !option.above) return;
  parsed.check([option](const std::string& text) -> std::string {
    double value = 0;
    const bool good = CLI::detail::lexical_cast(text, value) && (!option.least || value >= *option.least) &&
                      (!option.most || value <= *option.most) && (!option.above || value > *option.above);
    if (good) return {};
    std::ostringstream wanted;
    wanted << text << " is no number ";
    if (option.above)
      wanted << "above " << *option.above;
    else if (option.most)
      wanted << "from " << *option.least << " to " << *option.most;
    else
      wanted << "from " << *option.least << " on";
    return wanted.str();
  });
}

void check_word(const Option& option, CLI::Option& parsed) {
  if (option.choices.empty()) return;
  parsed.check([option](const std::string& word) -> std::string {
    if (std::find(option.choices.begin(), option.choices.end(), word) != option.choices.end()) return {};
    std::string list;
    for (const std::string& choice : option.choices) list += (list.empty() ? "" : ", ") + choice;
    return "\"" + word + "\" is none of " + list;
  });
}

void add_to(CLI::App& app, const Option& option) {
  if (auto* const* flag = std::get_if<bool*>(&option.target)) {
    app.add_flag(option.names, **flag);
    return;
  }
  CLI::Option* parsed =
      std::visit([&](auto* target) { return app.add_option(option.names, *target); }, option.target);
  check_number(option, *parsed);
  check_word(option, *parsed);
}

void supply_values(const std::vector<Option>& options, std::vector<std::string>& words) {
  for (std::string& word : words) {
    if (word == "--") return;
    for (const Option& option : options)
      if (option.value_may_lack && option.has_name(word)) {
        word += "=" + option.value_if_lacking;
        break;
      }
  }
}

// The parser would take the beginning of a long name for the whole, or call a misspelt one an argument.
void refuse_unknown(const std::vector<Option>& options, const std::vector<std::string>& words) {
  std::vector<std::string> known;
  for (const Option& option : options)
    for (const std::string& name : split(option.names))
      if (name.rfind("--", 0) == 0) known.push_back(name);
  for (const std::string& word : words) {
    if (word == "--") break;
    if (word.size() < 3 || word.rfind("--", 0) != 0) continue;
    const std::string name = word.substr(0, word.find('='));
    if (std::find(known.begin(), known.end(), name) == known.end())
      throw Failure{kUsage, "there is no option " + name, nearest(name, known)};
  }
}

}  // namespace

bool Option::has_name(const std::string& name) const {
  const std::vector<std::string> all = split(names);
  return !positional() && std::find(all.begin(), all.end(), name) != all.end();
}

size_t Options::count(const std::vector<std::string>& words) const {
  size_t at = 0;
  while (at < words.size()) {
    if (words[at] == "--") return at + 1;
    if (words[at].size() < 2 || words[at][0] != '-') return at;
    at += takes_next(list_, words[at]) ? 2 : 1;
  }
  return std::min(at, words.size());
}

void Options::parse(std::vector<std::string> words) const {
  refuse_unknown(list_, words);
  supply_values(list_, words);
  CLI::App app;
  app.set_help_flag();
  for (const Option& option : list_) add_to(app, option);
  std::reverse(words.begin(), words.end());
  try {
    app.parse(std::move(words));
  } catch (const CLI::ParseError& error) {
    throw Failure{kUsage, error.what(), ""};
  }
}

}  // namespace portolan::cli
