// SPDX-License-Identifier: Apache-2.0
// portolan launchctl: finds the verb; or reads commands from standard input when there is none.
#include "cli/launchctl.hpp"

#include <unistd.h>

#include <algorithm>
#include <iostream>

#include "cli/source.hpp"
#include "cli/terminal.hpp"

namespace portolan::cli {

namespace {

std::vector<Verb> all_verbs() {
  std::vector<Verb> all;
  for (const auto& verbs : {load_verbs(), job_verbs(), name_verbs(), manager_verbs()})
    all.insert(all.end(), verbs.begin(), verbs.end());
  return all;
}

std::string verbs_text() {
  std::string text;
  for (const Verb& verb : all_verbs()) {
    std::string line = std::string("  ") + verb.name + (*verb.usage == 0 ? "" : " ") + verb.usage;
    line.resize(std::max<size_t>(46, line.size() + 2), ' ');
    text += line + verb.summary + "\n";
  }
  return text;
}

int run_verb(Ctl& ctl, Words words) {
  const std::string name = words[0];
  words.erase(words.begin());
  if (name == "help") {
    show(verbs_text());
    return kFine;
  }
  const std::vector<Verb> all = all_verbs();
  const auto verb = std::find_if(all.begin(), all.end(), [&](const Verb& one) { return name == one.name; });
  if (verb == all.end()) {
    std::vector<std::string> known;
    for (const Verb& one : all) known.push_back(one.name);
    const std::string near = nearest(name, known);
    throw Failure{kFound, "there is no verb " + name,
                  near.empty() ? "portolan launchctl help" : "portolan launchctl " + near};
  }
  return verb->run(ctl, words);
}

// Words of a line: white space parts them, quotes hold them together, a backslash takes the next as it is.
Words words_of(const std::string& line) {
  Words words;
  std::string word;
  bool begun = false, quoted = false;
  for (size_t i = 0; i < line.size(); i++) {
    const char c = line[i];
    if (c == '\\' && i + 1 < line.size()) {
      word += line[++i];
      begun = true;
    } else if (c == '"') {
      quoted = !quoted;
      begun = true;
    } else if (!quoted && (c == ' ' || c == '\t')) {
      if (begun) words.push_back(word);
      word.clear();
      begun = false;
    } else {
      word += c;
      begun = true;
    }
  }
  if (begun) words.push_back(word);
  return words;
}

int run_lines(Ctl& ctl) {
  const bool prompts = isatty(STDIN_FILENO) != 0;
  int worst = kFine;
  std::string line;
  for (;;) {
    if (prompts) std::cout << "launchd% " << std::flush;
    if (!std::getline(std::cin, line)) break;
    const Words words = words_of(line);
    if (words.empty() || words[0][0] == '#') continue;
    if (words[0] == "exit" || words[0] == "quit") break;
    try {
      worst = std::max(worst, run_verb(ctl, words));
    } catch (const Failure& failure) {
      say("portolan launchctl: " + failure.what + "\n" +
          (failure.remedy.empty() ? "" : "  remedy: " + failure.remedy + "\n"));
      worst = std::max(worst, failure.code);
    }
  }
  return worst;
}

class Launchctl : public Command {
 public:
  const char* name() const override { return "launchctl"; }
  const char* summary() const override { return "load, list, start and stop the domain's jobs"; }
  const char* question() const override { return "Start"; }
  bool takes_program() const override { return true; }
  const char* program_words() const override { return "[VERB [ARGUMENT...]]"; }
  std::string more_help() const override {
    return "Verbs (without one, commands are read from standard input):\n" + verbs_text() + "\n";
  }

  int run(const Globals& globals, const std::vector<std::string>& program) override {
    Ctl ctl(globals);
    Words words = program;
    // Global, and so after the verb as well; but not among the words of another command.
    const auto end = std::find_if(words.begin(), words.end(),
                                  [](const std::string& word) { return word == "--" || word == "bsexec"; });
    const auto kept = std::remove(words.begin(), end, "--json");
    if (kept != end) ctl.json(true);
    words.erase(kept, end);
    return words.empty() ? run_lines(ctl) : run_verb(ctl, words);
  }
};

}  // namespace

const std::string* Letters::value(char letter) const {
  for (const auto& [known, text] : values)
    if (known == letter) return &text;
  return nullptr;
}

void wrong_use(const char* name) {
  for (const Verb& verb : all_verbs())
    if (std::string(verb.name) == name)
      throw Failure{kFound, std::string("usage: launchctl ") + name + " " + verb.usage, ""};
  throw Failure{kFound, std::string("usage: launchctl ") + name, ""};
}

Letters letters(const char* verb, const Words& words, const std::string& flags, const std::string& valued) {
  Letters found;
  size_t i = 0;
  for (; i < words.size(); i++) {
    const std::string& word = words[i];
    if (word.size() < 2 || word[0] != '-') break;
    if (word == "--") {
      i++;
      break;
    }
    for (size_t at = 1; at < word.size(); at++) {
      if (flags.find(word[at]) != std::string::npos) {
        found.flags += word[at];
        continue;
      }
      if (valued.find(word[at]) == std::string::npos) wrong_use(verb);
      std::string value = word.substr(at + 1);
      if (value.empty()) {
        if (++i == words.size()) wrong_use(verb);
        value = words[i];
      }
      found.values.emplace_back(word[at], value);
      break;
    }
  }
  found.rest.assign(words.begin() + static_cast<std::ptrdiff_t>(i), words.end());
  return found;
}

launchd::Value request(const char* verb) {
  launchd::Value value = launchd::Value::dictionary();
  value.set("Verb", verb);
  return value;
}

std::unique_ptr<Command> make_launchctl() { return std::make_unique<Launchctl>(); }

}  // namespace portolan::cli
