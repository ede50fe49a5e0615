// SPDX-License-Identifier: Apache-2.0
// portolan launchd: a domain's launchd by hand, or for a supervisor. portolan install-unit: a systemd user
// unit that does the latter.
#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>

#include "cli/launchctl.hpp"
#include "cli/source.hpp"
#include "cli/terminal.hpp"

namespace portolan::cli {

namespace {

class Launchd : public Command {
 public:
  const char* name() const override { return "launchd"; }
  const char* summary() const override { return "the domain's launchd, for a supervisor"; }
  const char* question() const override { return "Start"; }
  void options(Options& options) override {
    options.add("--foreground", &foreground_,
                "become it: until SIGTERM, while the domain is empty, too; takes over from one that runs");
  }

  int run(const Globals& globals, const std::vector<std::string>&) override {
    Ctl ctl(globals);
    if (!foreground_) {
      const launchd::Value answer = ctl.demand(request("manager"));
      if (!globals.quiet)
        show("launchd " + std::to_string(answer.number("PID")) + " serves " + ctl.domain() + "\n");
      return kFine;
    }
    std::string program = launchd_program(), option = "--foreground", path = ctl.directory();
    char* const arguments[] = {program.data(), option.data(), path.data(), nullptr};
    execv(program.c_str(), arguments);
    throw Failure{kRefused, program + ": " + std::strerror(errno), ""};
  }

 private:
  bool foreground_ = false;
};

class InstallUnit : public Command {
 public:
  const char* name() const override { return "install-unit"; }
  const char* page() const override { return "launchd"; }
  const char* summary() const override { return "a systemd user unit that runs the domain's launchd"; }
  const char* question() const override { return "Start"; }
  void options(Options& options) override { options.add("--print", &print_, "print it instead"); }

  int run(const Globals& globals, const std::vector<std::string>&) override {
    namespace fs = std::filesystem;
    const Ctl ctl(globals);
    const std::string text = unit(ctl);
    if (print_) {
      show(text, false);
      return kFine;
    }
    const std::string name = "portolan-" + plain(ctl.domain()) + ".service";
    const fs::path directory = units();
    std::error_code problem;
    fs::create_directories(directory, problem);
    const fs::path file = directory / name;
    std::ofstream out(file);
    out << text;
    out.close();
    if (!out) throw Failure{kRefused, "cannot write " + file.string() + ": " + std::strerror(errno), ""};
    show("wrote " + file.string() + "\n  next: systemctl --user enable --now " + name + "\n", false);
    return kFine;
  }

 private:
  static std::filesystem::path units() {
    if (const char* config = std::getenv("XDG_CONFIG_HOME"); config != nullptr && *config == '/')
      return std::filesystem::path(config) / "systemd/user";
    const char* home = std::getenv("HOME");
    if (home == nullptr || *home != '/') throw Failure{kRefused, "there is no HOME", "--print"};
    return std::filesystem::path(home) / ".config/systemd/user";
  }
  static std::string plain(const std::string& domain) {
    std::string name;
    for (const char c : domain)
      name += std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '-' || c == '.' ? c : '-';
    return name;
  }
  // As systemd.service(5) wants a word of a command line.
  static std::string word(const std::string& text) {
    std::string quoted = "\"";
    for (const char c : text) {
      if (c == '"' || c == '\\') quoted += '\\';
      if (c == '%' || c == '$') quoted += c;
      quoted += c;
    }
    return quoted + "\"";
  }
  // Jobs outlive a launchd that is killed: the next one adopts them. On a stop launchd ends them itself.
  static std::string unit(const Ctl& ctl) {
    return "# SPDX-License-Identifier: Apache-2.0\n[Unit]\nDescription=Portolan domain " + ctl.domain() +
           "\nDocumentation=man:portolan-launchd(8)\n\n[Service]\nType=notify\nNotifyAccess="
           "main\nExecStart=" +
           word(launchd_program()) + " --foreground " + word(ctl.directory()) +
           "\nRestart=on-failure\nRestartSec=100ms\nKillMode=process\nTimeoutStopSec=60\n\n[Install]\n"
           "WantedBy=default.target\n";
  }
  bool print_ = false;
};

}  // namespace

std::unique_ptr<Command> make_launchd() { return std::make_unique<Launchd>(); }
std::unique_ptr<Command> make_install_unit() { return std::make_unique<InstallUnit>(); }

}  // namespace portolan::cli
