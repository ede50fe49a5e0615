// SPDX-License-Identifier: Apache-2.0
#include "stages/follower.hpp"

#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <string_view>

#include "segment/domain_files.hpp"

namespace portolan::stages {

namespace {

constexpr uint64_t kLine = 64;

// One line's part in the hash of all; where it lies counts.
uint64_t hash_line(uint64_t offset, const unsigned char* bytes) {
  const std::string_view text(reinterpret_cast<const char*>(bytes), kLine);
  return std::hash<std::string_view>{}(text) * (2 * offset + 1);
}

}  // namespace

Follower::Follower(const std::string& directory) {
  file_ = open((directory + "/" + files::segment_name()).c_str(), O_RDONLY | O_CLOEXEC);
  struct stat status {};
  if (file_ < 0 || fstat(file_, &status) != 0) return;
  size_ = static_cast<uint64_t>(status.st_size);
  void* there = mmap(nullptr, size_, PROT_READ, MAP_SHARED | MAP_NORESERVE, file_, 0);
  void* here =
      mmap(nullptr, size_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (there == MAP_FAILED || here == MAP_FAILED) return;
  there_ = static_cast<const unsigned char*>(there);
  here_ = static_cast<unsigned char*>(here);
}

Follower::~Follower() {
  if (there_ != nullptr) munmap(const_cast<unsigned char*>(there_), size_);
  if (here_ != nullptr) munmap(here_, size_);
  if (file_ >= 0) close(file_);
}

void Follower::find_parts() {
  parts_.clear();
  for (off_t at = 0; (at = lseek(file_, at, SEEK_DATA)) >= 0;) {
    const off_t end = lseek(file_, at, SEEK_HOLE);
    if (end <= at) break;
    parts_.push_back({static_cast<uint64_t>(at), static_cast<uint64_t>(end - at)});
    at = end;
  }
}

bool Follower::fresh() {
  if (there_ == nullptr) return false;
  struct stat status {};
  if (fstat(file_, &status) == 0 && status.st_blocks != blocks_) {
    blocks_ = status.st_blocks;
    find_parts();
  }
  bool changed = false;
  for (const Part& part : parts_) {
    if (memcmp(here_ + part.offset, there_ + part.offset, part.length) == 0) continue;
    for (uint64_t at = part.offset; at < part.offset + part.length; at += kLine) {
      if (memcmp(here_ + at, there_ + at, kLine) == 0) continue;
      hash_ -= hash_line(at, here_ + at);
      memcpy(here_ + at, there_ + at, kLine);
      hash_ += hash_line(at, here_ + at);
      changed = true;
    }
  }
  return changed && seen_.insert(hash_).second;
}

}  // namespace portolan::stages
