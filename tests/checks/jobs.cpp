// SPDX-License-Identifier: Apache-2.0
#include "checks/jobs.hpp"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <sstream>

namespace jobs {

namespace {

std::string slurp(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

std::vector<std::string> split(const std::string& text, char by) {
  std::vector<std::string> parts;
  std::istringstream in(text);
  for (std::string part; std::getline(in, part, by);) parts.push_back(part);
  return parts;
}

std::string quoted(const std::string& word) {
  std::string text = "'";
  for (const char c : word) text += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return text + "'";
}

// "2026-11-29T18:58:41.343Z"
double seconds_of(const std::string& stamp) {
  tm parts{};
  const char* rest = strptime(stamp.c_str(), "%Y-%m-%dT%H:%M:%S", &parts);
  return rest == nullptr ? 0 : static_cast<double>(timegm(&parts)) + std::atof(rest);
}

}  // namespace

Bench::Bench(std::string domain) : domain_(std::move(domain)) {
  directory_ = testing::TempDir() + "/portolan-jobs-XXXXXX";
  if (mkdtemp(directory_.data()) == nullptr) std::abort();
}

Bench::~Bench() {
  for (const std::string& text : split(ctl({"list"}).out, '\n')) {
    const std::vector<std::string> parts = split(text, '\t');
    if (parts.size() != 3 || parts[2] == "Label" || parts[2].find(".anonymous.") != std::string::npos)
      continue;
    ctl({"remove", parts[2]});
    if (parts[0] != "-") kill(std::atoi(parts[0].c_str()), SIGKILL);
  }
  std::error_code ignored;
  std::filesystem::remove_all(directory_, ignored);
}

std::string Bench::write(const std::string& name, const std::string& bytes) {
  const std::string file = path(name);
  std::ofstream(file, std::ios::binary) << bytes;
  chmod(file.c_str(), 0644);
  return file;
}

std::string key(const std::string& name, const std::string& xml) { return "<key>" + name + "</key>" + xml; }

std::string Bench::job(const std::string& label, const std::string& command, const std::string& more) {
  std::string text = command;
  for (const auto& [from, to] :
       {std::pair<std::string, std::string>{"&", "&amp;"}, {"<", "&lt;"}, {">", "&gt;"}})
    for (size_t at = 0; (at = text.find(from, at)) != std::string::npos; at += to.size())
      text.replace(at, from.size(), to);
  return write(label + ".plist",
               "<?xml version=\"1.0\" encoding=\"UTF-8\"?><plist version=\"1.0\"><dict>" +
                   key("Label", "<string>" + label + "</string>") +
                   key("ProgramArguments", "<array><string>/bin/sh</string><string>-c</string><string>" +
                                               text + "</string></array>") +
                   key("WorkingDirectory", "<string>" + directory_ + "</string>") + more + "</dict></plist>");
}

std::string Bench::load(const std::string& label, const std::string& command, const std::string& more) {
  const std::string file = job(label, command, more);
  const Ran ran = ctl({"load", file});
  EXPECT_EQ(0, ran.status) << ran.err;
  EXPECT_TRUE(line(label).there) << ran.err;
  return file;
}

Ran Bench::ctl(const std::vector<std::string>& words) const {
  static int number = 0;
  const std::string out = path("ctl-" + std::to_string(getpid()) + "-" + std::to_string(++number));
  std::string command = quoted(PORTOLAN_CLI) + " -d " + quoted(domain_) + " launchctl";
  for (const std::string& word : words) command += " " + quoted(word);
  const int status = std::system((command + " >" + out + ".out 2>" + out + ".err </dev/null").c_str());
  Ran ran;
  ran.status = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  ran.out = slurp(out + ".out");
  ran.err = slurp(out + ".err");
  unlink((out + ".out").c_str());
  unlink((out + ".err").c_str());
  return ran;
}

Line Bench::line(const std::string& label) const {
  for (const std::string& text : split(ctl({"list"}).out, '\n')) {
    const std::vector<std::string> parts = split(text, '\t');
    if (parts.size() == 3 && parts[2] == label) return {parts[0], parts[1], true};
  }
  return {};
}

pid_t Bench::pid(const std::string& label) const { return std::atoi(line(label).pid.c_str()); }

std::string Bench::read(const std::string& name) const { return slurp(path(name)); }

std::vector<std::string> Bench::lines(const std::string& name) const { return split(read(name), '\n'); }

std::vector<double> Bench::times(const std::string& label, const std::string& words) const {
  std::vector<double> found;
  for (const std::string& text : split(slurp(domain_ + "/launchd.log"), '\n')) {
    const size_t about = text.find(" " + label);
    if (about == std::string::npos || text.find(words, about) == std::string::npos) continue;
    const char after = text[about + 1 + label.size()];
    if (after == ':' || after == '[') found.push_back(seconds_of(text));
  }
  return found;
}

bool await(const std::function<bool()>& so, int milliseconds) {
  const double deadline = user::now_ms() + milliseconds * user::kSlower;
  while (!so()) {
    if (user::now_ms() > deadline) {
      ADD_FAILURE() << "waited in vain";
      return false;
    }
    usleep(20000);
  }
  return true;
}

bool lives(pid_t pid) {
  std::ifstream file("/proc/" + std::to_string(pid) + "/stat");
  std::string text;
  std::getline(file, text);
  const size_t bracket = text.rfind(')');
  return bracket != std::string::npos && bracket + 2 < text.size() && text[bracket + 2] != 'Z';
}

}  // namespace jobs
