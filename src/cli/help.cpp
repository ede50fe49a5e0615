// SPDX-License-Identifier: Apache-2.0
// portolan help: the overview, a command's manual page, a topic.
#include <portolan_config.h>
#include <unistd.h>

#include <filesystem>

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
  for (const char* where : {"../share/man/man1", "../../man"}) {
    const fs::path file = own / where / (page + ".1");
    if (fs::exists(file, none)) return fs::weakly_canonical(file, none).string();
  }
  return {};
}

int open_page(const std::string& command) {
  const std::string page = command.empty() ? "portolan" : "portolan-" + command;
  const std::string file = page_file(page);
  try {
    Child man({"man", file.empty() ? page : file}, {});
    if (man.wait().status() == 0) return kFine;
  } catch (const Failure&) {
    // no man here: the options follow
  }
  return kFound;
}

std::string options_text(Command& command) {
  Options options;
  command.options(options);
  std::string text = "portolan " + std::string(command.name()) + ": " + command.summary() + "\n\n";
  for (const Option& option : options.all()) {
    std::string line = "  " + option.names;
    if (line.size() < 26) line.resize(26, ' ');
    text += line + "  " + option.description + "\n";
  }
  return text;
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
    name.resize(10, ' ');
    text += name + command->summary() + "\n";
  }
  text +=
      "\nGlobal: -d DOMAIN, -i FILE, --json, --watch[=SECONDS], -w wide, -q quiet, -v verbose, -h, "
      "--version\n";
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
    if (isatty(STDOUT_FILENO) != 0 && open_page(word) == kFine) return kFine;
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
