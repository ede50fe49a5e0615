// SPDX-License-Identifier: Apache-2.0
#include "cli/recording.hpp"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstring>

namespace portolan::cli {

namespace {

Header* g_recorded = nullptr;

void clear_flag(Header& header) {
  uint32_t flags = header.flags.load();
  while (!header.flags.compare_exchange(flags, flags & ~uint32_t{kDomainSites})) {
  }
}

void interrupted(int number) {
  if (g_recorded != nullptr) clear_flag(*g_recorded);
  signal(number, SIG_DFL);
  raise(number);
}

}  // namespace

Recording::Recording(const Source& source) {
  if (!source.live()) throw Failure{kUsage, "--sites: a copied segment records nothing", ""};
  const int file = open(source.file().c_str(), O_RDWR | O_CLOEXEC | O_NOFOLLOW);
  void* page =
      file < 0 ? MAP_FAILED : mmap(nullptr, sizeof(Header), PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
  const int problem = errno;
  if (file >= 0) close(file);
  if (page == MAP_FAILED)
    throw Failure{kNotPermitted, "cannot write " + source.file() + ": " + std::strerror(problem), ""};
  header_ = static_cast<Header*>(page);
  was_on_ = (header_->flags.fetch_or(kDomainSites) & kDomainSites) != 0;
  if (was_on_) return;
  g_recorded = header_;
  for (const int number : {SIGINT, SIGTERM, SIGHUP}) signal(number, interrupted);
}

Recording::~Recording() {
  g_recorded = nullptr;
  if (!was_on_) {
    clear_flag(*header_);
    for (const int number : {SIGINT, SIGTERM, SIGHUP}) signal(number, SIG_DFL);
  }
  munmap(header_, sizeof(Header));
}

}  // namespace portolan::cli
