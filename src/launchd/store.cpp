// SPDX-License-Identifier: Apache-2.0
#include "launchd/store.hpp"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdint>
#include <memory>

#include "segment/domain_files.hpp"

namespace portolan::launchd {

namespace {

constexpr size_t kNameMost = 200;
constexpr size_t kFileMost = 16u << 20;
constexpr const char* kEnding = ".plist";

bool write_all(int fd, const std::string& bytes) {
  size_t done = 0;
  while (done < bytes.size()) {
    const ssize_t count = ::write(fd, bytes.data() + done, bytes.size() - done);
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return false;
    done += static_cast<size_t>(count);
  }
  return true;
}

// Written beside its place and renamed.
bool replace(const std::string& path, const std::string& bytes) {
  const std::string beside = path + ".new";
  const files::Descriptor file(
      open(beside.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!file) return false;
  if (write_all(file.get(), bytes) && fdatasync(file.get()) == 0 && rename(beside.c_str(), path.c_str()) == 0)
    return true;
  const int problem = errno;
  unlink(beside.c_str());
  errno = problem;
  return false;
}

bool plain(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
}

bool ends_with(const std::string& text, const std::string& end) {
  return text.size() >= end.size() && text.compare(text.size() - end.size(), end.size(), end) == 0;
}

}  // namespace

std::string escaped(const std::string& label) {
  static constexpr char kDigits[] = "0123456789ABCDEF";
  std::string name;
  uint64_t sum = 0xcbf29ce484222325u;
  for (const char c : label) {
    const auto byte = static_cast<uint8_t>(c);
    sum = (sum ^ byte) * 0x100000001b3u;
    if (plain(c) || (c == '.' && !name.empty()))
      name += c;
    else
      name += {'%', kDigits[byte >> 4], kDigits[byte & 15]};
  }
  if (name.size() <= kNameMost) return name;
  char number[20];
  snprintf(number, sizeof number, "%%~%016llx", static_cast<unsigned long long>(sum));
  return name.substr(0, kNameMost - 20) + number;
}

bool read_file(const std::string& path, size_t most, std::string& bytes) {
  const files::Descriptor file(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (!file) return false;
  bytes.clear();
  char piece[1 << 14];
  for (;;) {
    const ssize_t count = ::read(file.get(), piece, sizeof piece);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return false;
    if (count == 0) return true;
    if (bytes.size() + static_cast<size_t>(count) > most) {
      errno = EFBIG;
      return false;
    }
    bytes.append(piece, static_cast<size_t>(count));
  }
}

std::string Store::path_of(const std::string& label) const {
  return directory_ + "/jobs/" + escaped(label) + kEnding;
}

bool Store::keep(const std::string& label, const Entry& entry) {
  const std::string jobs = directory_ + "/jobs";
  if (mkdir(jobs.c_str(), 0700) != 0 && errno != EEXIST) return false;
  Value kept = Value::dictionary();
  kept.set("Job", entry.job).set("File", entry.file).set("Removing", entry.removing);
  return replace(path_of(label), to_binary(kept));
}

void Store::forget(const std::string& label) { unlink(path_of(label).c_str()); }

std::vector<Store::Entry> Store::all(std::vector<std::string>& unreadable) const {
  std::vector<Entry> entries;
  const std::string jobs = directory_ + "/jobs";
  const std::unique_ptr<DIR, int (*)(DIR*)> directory(opendir(jobs.c_str()), closedir);
  if (!directory) return entries;
  while (const dirent* file = readdir(directory.get())) {
    const std::string name = file->d_name;
    if (!ends_with(name, kEnding)) continue;
    std::string bytes;
    const Value kept = read_file(jobs + "/" + name, kFileMost, bytes) ? parse(bytes) : Value();
    const Value* job = kept.find("Job");
    if (job == nullptr || job->members() == nullptr)
      unreadable.push_back(jobs + "/" + name);
    else
      entries.push_back({*job, kept.text("File"), kept.flag("Removing")});
  }
  return entries;
}

void Store::tidy() { rmdir((directory_ + "/jobs").c_str()); }

Value Store::read(const char* name) const {
  std::string bytes;
  return read_file(directory_ + "/" + name, kFileMost, bytes) ? parse(bytes) : Value();
}

bool Store::write(const char* name, const Value& value) {
  return replace(directory_ + "/" + name, to_binary(value));
}

}  // namespace portolan::launchd
