// SPDX-License-Identifier: Apache-2.0
// portolan help: the overview, a command's manual page, a topic.
#include <portolan_config.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <sstream>

#include "cli/command.hpp"
#include "cli/launch.hpp"
#include "cli/terminal.hpp"
#include "cli/topics.hpp"

namespace portolan::cli {

namespace {

namespace fs = std::filesystem;

// The page's file in an installed tree, or in the tree that this was built from; empty: man has to find it.
std::string page_file(const std::string& page) {
  std::error_code none;
  const fs::path own = fs::read_symlink("/proc/self/exe", none).parent_path();
  for (const char* section : {"1", "8"})
    for (const std::string& where : {"../share/man/man" + std::string(section), std::string("../../man")}) {
      const fs::path file = own / where / (page + "." + section);
      if (fs::exists(file, none)) return fs::weakly_canonical(file, none).string();
    }
  return {};
}

int open_page(const Command& command) {
  const std::string page = std::string("portolan-") + command.page();
  const std::string file = page_file(page);
  try {
    Child man({"man", file.empty() ? page : file}, {});
    if (man.wait().status() == 0) return kFine;
  } catch (const Failure&) {
    // no man here: the options follow
  }
  return kFound;
}

constexpr size_t kWidth = 80, kIndent = 26;
constexpr const char* kGlobals =
    "Global: -d DOMAIN, -i FILE, --json, --watch[=SECONDS], -w wide, -q quiet,\n"
    "        -v verbose, -h, --version\n";

// Words in lines of at most kWidth columns, those after the first indented.
std::string wrapped(const std::string& text, size_t column) {
  std::string lines;
  std::istringstream words(text);
  size_t at = column;
  for (std::string word; words >> word;) {
    if (at != column && at + 1 + word.size() > kWidth) {
      lines += "\n" + std::string(column, ' ');
      at = column;
    }
    if (at != column) {
      lines += " ";
      at++;
    }
    lines += word;
    at += word.size();
  }
  return lines;
}

std::string upper(std::string word) {
  for (char& c : word)
    if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
  return word;
}

// What follows the options on the command line.
std::string objects_text(const Command& command, const Options& options) {
  if (command.takes_program()) return std::string(" ") + command.program_words();
  for (const Option& option : options.all()) {
    if (!option.positional()) continue;
    const bool several = std::holds_alternative<std::vector<std::string>*>(option.target);
    return several ? " [" + upper(option.names) + "...]" : " " + upper(option.names);
  }
  return "";
}

std::string options_text(Command& command) {
  Options options;
  command.options(options);
  const std::string name =
      std::string(command.name()) + (command.object() == nullptr ? "" : std::string(" ") + command.object());
  std::string text = "portolan " + name + ": " + command.summary() + "\n\n";
  text += "  portolan " + name + (options.all().empty() ? "" : " [OPTION]") + objects_text(command, options) +
          "\n\n";
  for (const Option& option : options.all()) {
    const std::string names = option.positional() ? upper(option.names) : option.names;
    std::string line = "  " + names + (option.value.empty() ? "" : " " + option.value);
    line.resize(std::max(kIndent, line.size() + 2), ' ');
    text += line + wrapped(option.description, kIndent) + "\n";
  }
  if (!options.all().empty()) text += "\n";
  text += command.more_help();
  return text + kGlobals + "Manual: portolan-" + command.page() + "\n";
}

}  // namespace

std::string overview(const std::vector<std::unique_ptr<Command>>& commands) {
  std::string text = "portolan " PORTOLAN_VERSION ": Darwin's IPC on Linux, with a chart of every port\n\n";
  text += "  portolan [GLOBAL] COMMAND [OPTION] [OBJECT] [--] [PROGRAM ARGUMENT...]\n";
  std::string question;
  for (const auto& command : commands) {
    if (question != command->question()) {
      question = command->question();
      text += "\n" + question + "\n";
    }
    std::string name = std::string("  ") + command->name();
    name.resize(16, ' ');
    text += name + command->summary() + "\n";
  }
  text += std::string("\n") + kGlobals;
  text += "More:   portolan help COMMAND; portolan help ";
  for (const Topic& topic : kTopics)
    text += std::string(topic.name) + (&topic == &kTopics[kTopicCount - 1] ? "\n" : ", ");
  text += "Start:  portolan check ./program\n";
  return text;
}

int help(const std::string& word, const std::vector<std::unique_ptr<Command>>& commands) {
  if (word.empty()) {
    show(overview(commands));
    return kFine;
  }
  for (const Topic& topic : kTopics) {
    if (word != topic.name) continue;
    show(topic.text);
    return kFine;
  }
  for (const auto& command : commands) {
    if (word != command->name()) continue;
    if (isatty(STDOUT_FILENO) != 0 && open_page(*command) == kFine) return kFine;
    show(options_text(*command));
    return kFine;
  }
  std::vector<std::string> known;
  for (const auto& command : commands) known.push_back(command->name());
  for (const Topic& topic : kTopics) known.push_back(topic.name);
  const std::string near = nearest(word, known);
  throw Failure{kUsage, "there is no command and no topic " + word,
                near.empty() ? "portolan help" : "portolan help " + near};
}

}  // namespace portolan::cli
