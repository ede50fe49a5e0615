// SPDX-License-Identifier: Apache-2.0
#include "cli/darwin_poll.hpp"

#include <elf.h>
#include <portolan_config.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "cli/command.hpp"
#include "darwin_poll/profile.hpp"

namespace portolan::cli {

namespace {

namespace fs = std::filesystem;

#ifdef __aarch64__
constexpr Elf64_Half kMachine = EM_AARCH64;
#else
constexpr Elf64_Half kMachine = EM_X86_64;
#endif

std::string library() {
  std::error_code none;
  const fs::path own = fs::read_symlink("/proc/self/exe", none).parent_path();
  for (const fs::path& file :
       {own / PORTOLAN_DARWIN_POLL_FROM_BIN, fs::path(PORTOLAN_DARWIN_POLL_BUILD_PATH)})
    if (fs::exists(file, none)) return fs::weakly_canonical(file, none).string();
  throw Failure{kRefused, "libportolan-darwin-poll.so is not installed", ""};
}

// As execvp finds it; empty: it does not.
std::string found_in_path(const std::string& name) {
  if (name.find('/') != std::string::npos) return name;
  const char* path = std::getenv("PATH");
  std::istringstream directories(path == nullptr ? "/bin:/usr/bin" : path);
  for (std::string directory; std::getline(directories, directory, ':');) {
    std::string file = (directory.empty() ? "." : directory) + "/" + name;
    if (access(file.c_str(), X_OK) == 0) return file;
  }
  return {};
}

// A script is what its first line names; `env` there is followed by the name.
std::string interpreter_of(const std::string& line) {
  std::istringstream words(line.substr(2));
  std::string first, second;
  words >> first >> second;
  const bool is_env = fs::path(first).filename() == "env";
  return is_env && !second.empty() && second[0] != '-' ? found_in_path(second) : first;
}

[[noreturn]] void refuse(const std::string& file, const std::string& why) {
  throw Failure{kCannotStart, file + " " + why + ": nothing can be preloaded into it, its poll stays Linux's",
                "portolan run " + file};
}

bool gains_rights(const std::string& file) {
  struct stat status {};
  if (stat(file.c_str(), &status) != 0) return false;
  const bool uid = (status.st_mode & S_ISUID) != 0 && status.st_uid != getuid();
  const bool gid = (status.st_mode & S_ISGID) != 0 && status.st_gid != getgid();
  return uid || gid || (getuid() != 0 && getxattr(file.c_str(), "security.capability", nullptr, 0) > 0);
}

bool has_interpreter(std::ifstream& elf, const Elf64_Ehdr& header) {
  for (unsigned i = 0; i < header.e_phnum; i++) {
    Elf64_Phdr segment{};
    elf.seekg(static_cast<std::streamoff>(header.e_phoff + uint64_t{i} * header.e_phentsize));
    elf.read(reinterpret_cast<char*>(&segment), sizeof segment);
    if (elf && segment.p_type == PT_INTERP) return true;
  }
  return false;
}

// What cannot be read, or is no program, is left to exec to complain of.
void check(const std::string& file, int depth = 0) {
  if (file.empty() || depth > 4) return;
  if (gains_rights(file)) refuse(file, "runs with other rights than yours (set-uid)");
  std::ifstream elf(file, std::ios::binary);
  Elf64_Ehdr header{};
  elf.read(reinterpret_cast<char*>(&header), sizeof header);
  if (std::memcmp(&header, "#!", 2) == 0) {
    std::ifstream script(file);
    std::string line;
    std::getline(script, line);
    check(interpreter_of(line), depth + 1);
    return;
  }
  if (!elf || std::memcmp(header.e_ident, ELFMAG, SELFMAG) != 0) return;
  if (header.e_ident[EI_CLASS] != ELFCLASS64 || header.e_machine != kMachine)
    refuse(file, "is of another architecture than Portolan");
  if (!has_interpreter(elf, header)) refuse(file, "is linked statically");
}

}  // namespace

void add_darwin_poll(Environment& settings, const std::vector<std::string>& program, bool old) {
  std::string preload = library();
  if (program[0].rfind("example:", 0) != 0) check(found_in_path(program[0]));
  if (const char* more = std::getenv("LD_PRELOAD"); more != nullptr && *more != 0)
    preload += std::string(":") + more;
  settings.emplace_back("LD_PRELOAD", preload);
  settings.emplace_back(darwin_poll::kProfileVariable, old ? "darwin-old" : "darwin");
}

}  // namespace portolan::cli
