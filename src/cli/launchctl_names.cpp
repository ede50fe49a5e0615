// SPDX-License-Identifier: Apache-2.0
// Verbs about namespaces: bslist, bstree, bsexec (bootstrap 11.1 to 11.3). The first two read the segment and
// ask nobody; the third makes an embryo for the command, as a fork of the process that is named would.
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/wait.h>
#include <unistd.h>

#include <nlohmann/json.hpp>
#include <optional>

#include "cli/launchctl.hpp"
#include "cli/source.hpp"
#include "cli/terminal.hpp"
#include "inspect/namespaces.hpp"
#include "segment/life.hpp"
#include "traps/founder.hpp"
#include "traps/process.hpp"

namespace portolan::cli {

namespace {

using inspect::Namespace;
using inspect::Namespaces;

// A view of the domain for as long as the verb runs.
class View {
 public:
  explicit View(const Ctl& ctl) {
    DomainError error;
    if (!domain_open_readonly(ctl.place(), segment_, error)) throw failure_of(error);
    namespaces_.emplace(segment_);
  }
  ~View() { domain_unmap(segment_); }
  View(const View&) = delete;
  View& operator=(const View&) = delete;
  const Namespaces& namespaces() const { return *namespaces_; }

 private:
  Segment segment_;
  std::optional<Namespaces> namespaces_;
};

bool is_pid(const std::string& word) {
  return !word.empty() && word.size() < 10 && word.find_first_not_of("0123456789") == std::string::npos;
}

// The namespace that a word means: none, `..`, `/`, or a process.
const Namespace& named(const Namespaces& all, const std::string& word) {
  const Namespace* own = all.of_process(static_cast<uint32_t>(getpid()));
  const Namespace* found = nullptr;
  if (word.empty()) {
    found = own;
  } else if (word == "/") {
    found = all.root();
  } else if (word == "..") {
    found = own == nullptr ? nullptr : all.parent_of(*own);
    if (found == nullptr) found = own;  // the outermost is its own parent
  } else if (is_pid(word) && word != "0") {
    const auto pid = static_cast<uint32_t>(strtoul(word.c_str(), nullptr, 10));
    if (!all.is_task(pid)) throw Failure{1, "process " + word + " is no task of this domain", "portolan ps"};
    found = all.of_pid(pid);
    if (found == nullptr) throw Failure{1, "process " + word + " has no bootstrap port that leads anywhere", ""};
  } else {
    throw Failure{1, "'" + word + "' names no namespace", "portolan launchctl bslist [PID | .. | /]"};
  }
  if (found == nullptr) throw Failure{1, "there is no namespace here any more", ""};
  return *found;
}

std::string lines_of(const Namespace& space, size_t depth, bool owners) {
  std::string text;
  for (const auto& service : space.services) {
    text += std::string(depth, ' ') + service.state + "  " + service.name;
    if (owners) text += " (" + service.owner + ")";
    text += "\n";
  }
  return text;
}

std::string tree_of(const Namespaces& all, const Namespace& space, size_t depth, bool owners) {
  std::string text = lines_of(space, depth, owners);
  for (const uint32_t position : space.children) {
    const Namespace& child = all.all()[position];
    text += std::string(depth, ' ') + child.name + " (Explicit Subset)/\n";
    text += tree_of(all, child, depth + 4, owners);
  }
  return text;
}

Json services_json(const Namespace& space) {
  Json list = Json::array();
  for (const auto& service : space.services) {
    const char* state = service.state == 'A' ? "active" : service.state == 'D' ? "on demand" : "inactive";
    list.push_back({{"name", service.name}, {"state", state}, {"owner", service.owner}});
  }
  return list;
}

Json tree_json(const Namespaces& all, const Namespace& space) {
  Json json{{"name", space.name}, {"services", services_json(space)}, {"children", Json::array()}};
  for (const uint32_t position : space.children)
    json["children"].push_back(tree_json(all, all.all()[position]));
  return json;
}

// `-j` may stand before or behind the other word.
std::string take_word(const char* verb, const Words& words, bool& owners, size_t most) {
  std::string target;
  size_t taken = 0;
  for (const std::string& word : words) {
    if (word == "-j")
      owners = true;
    else if (taken++ == most)
      wrong_use(verb);
    else
      target = word;
  }
  return target;
}

int run_bslist(Ctl& ctl, const Words& words) {
  bool owners = false;
  const std::string target = take_word("bslist", words, owners, 1);
  const View view(ctl);
  const Namespace& space = named(view.namespaces(), target);
  if (ctl.json()) {
    Json json = ctl.json_document();
    json["namespace"] = space.name;
    json["services"] = services_json(space);
    show(dump(json), false);
  } else {
    show(lines_of(space, 0, owners), false);
  }
  return kFine;
}

int run_bstree(Ctl& ctl, const Words& words) {
  bool owners = false;
  take_word("bstree", words, owners, 0);
  const View view(ctl);
  const Namespace& root = named(view.namespaces(), "/");
  if (ctl.json()) {
    Json json = ctl.json_document();
    json["tree"] = tree_json(view.namespaces(), root);
    show(dump(json), false);
  } else {
    show(root.name + "/\n" + tree_of(view.namespaces(), root, 4, owners), false);
  }
  return kFine;
}

// -- bsexec

Segment g_segment;

// An embryo with what the process `pid` hands on to its children, for the process `child`: as `PORTOLAN_EMBRYO`
// wants it.
std::string embryo_from(const Ctl& ctl, uint32_t pid, uint32_t child) {
  Thread self;
  LifeLink life;
  DomainError error;
  if (!domain_enter(ctl.place(), DomainEntry::join, kFounder, g_segment, self, error)) throw failure_of(error);
  life_enter(life, g_segment.life(self.index()));
  uint64_t nonce = 0;
  while (nonce == 0)
    if (getrandom(&nonce, sizeof nonce, 0) != ssize_t{sizeof nonce}) nonce = 0;
  const Target<ipc::Task> task = task_of_pid(g_segment, pid);
  Handle<ipc::Task> embryo;
  const bool made = task && embryo_make(self, task.handle, nonce, child, embryo) == KERN_SUCCESS;
  life_leave(life);
  self.detach();
  life_left(life);
  domain_unmap(g_segment);
  if (!made) throw Failure{1, "process " + std::to_string(pid) + " is no task of this domain", "portolan ps"};
  char hex[24];
  snprintf(hex, sizeof hex, "%llx", static_cast<unsigned long long>(nonce));
  return std::to_string(embryo.index) + "." + hex;
}

[[noreturn]] void become(const Ctl& ctl, const Words& words, int from) {
  char embryo[64] = {};
  if (read(from, embryo, sizeof embryo - 1) <= 0) _exit(127);
  setenv("PORTOLAN_EMBRYO", embryo, 1);
  setenv("PORTOLAN_DOMAIN", ctl.directory().c_str(), 1);
  setenv("LaunchKeepContext", "1", 1);
  std::vector<char*> arguments;
  for (size_t i = 1; i < words.size(); i++) arguments.push_back(const_cast<char*>(words[i].c_str()));
  arguments.push_back(nullptr);
  execvp(arguments[0], arguments.data());
  dprintf(2, "launchctl bsexec: %s: %s\n", arguments[0], strerror(errno));
  _exit(127);
}

int run_bsexec(Ctl& ctl, const Words& words) {
  if (words.size() < 2) wrong_use("bsexec");
  {
    const View view(ctl);
    named(view.namespaces(), words[0]);
  }
  if (!is_pid(words[0])) throw Failure{1, "bsexec wants a process", "portolan launchctl bsexec PID COMMAND"};
  int way[2];
  if (pipe2(way, O_CLOEXEC) != 0) throw Failure{1, std::string("no pipe: ") + strerror(errno), ""};
  const pid_t child = fork();
  if (child < 0) throw Failure{1, std::string("no process: ") + strerror(errno), ""};
  if (child == 0) {
    close(way[1]);
    become(ctl, words, way[0]);
  }
  close(way[0]);
  try {
    const auto pid = static_cast<uint32_t>(strtoul(words[0].c_str(), nullptr, 10));
    const std::string embryo = embryo_from(ctl, pid, static_cast<uint32_t>(child));
    if (write(way[1], embryo.data(), embryo.size()) < 0) throw Failure{1, "the command is gone already", ""};
  } catch (...) {
    close(way[1]);
    waitpid(child, nullptr, 0);
    throw;
  }
  close(way[1]);
  int status = 0;
  while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return kFine;
  throw Failure{1,
                WIFEXITED(status) ? "the command exited with " + std::to_string(WEXITSTATUS(status))
                                  : "the command was ended by signal " + std::to_string(WTERMSIG(status)),
                ""};
}

}  // namespace

std::vector<Verb> name_verbs() {
  return {{"bslist", "[PID | .. | /] [-j]", "the names of a namespace", run_bslist},
          {"bstree", "[-j]", "all namespaces with their names", run_bstree},
          {"bsexec", "PID COMMAND [ARGUMENT...]", "run a command in the namespace of a process", run_bsexec}};
}

}  // namespace portolan::cli
