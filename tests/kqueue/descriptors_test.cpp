// SPDX-License-Identifier: Apache-2.0
// Many descriptors in one queue.
#include <sys/resource.h>

#include <algorithm>
#include <memory>
#include <set>

#include "kqueue/words.hpp"

namespace kqueue_tests {
namespace {

// All that are ready are told, each once in a round, whichever they are and however little room there is.
TEST(Descriptors, Thousands) {
  constexpr size_t kPipes = 3000;
  struct rlimit before;
  ASSERT_EQ(0, getrlimit(RLIMIT_NOFILE, &before));
  const struct rlimit more = {std::min<rlim_t>(before.rlim_max, 3 * kPipes), before.rlim_max};
  ASSERT_EQ(0, setrlimit(RLIMIT_NOFILE, &more));
  if (more.rlim_cur < 2 * kPipes + 100)
    GTEST_SKIP() << "only " << more.rlim_cur << " descriptors are allowed";
  const int kq = new_queue();
  {
    std::vector<std::unique_ptr<Pipe>> pipes;
    for (size_t i = 0; i < kPipes; i++) {
      pipes.push_back(std::make_unique<Pipe>());
      ASSERT_EQ(0, apply(kq, static_cast<uint64_t>(pipes[i]->reads()), EVFILT_READ, EV_ADD));
    }
    EXPECT_TRUE(events(kq, 0).empty());
    std::set<uint64_t> written, told;
    for (size_t i = 0; i < kPipes; i += 3) {
      pipes[i]->put();
      written.insert(static_cast<uint64_t>(pipes[i]->reads()));
    }
    while (told.size() < written.size()) {
      const std::vector<struct kevent> found = events(kq, kPatience, 100);
      ASSERT_FALSE(found.empty());
      for (const struct kevent& event : found) {
        EXPECT_EQ(1, event.data);
        EXPECT_TRUE(told.insert(event.ident).second)
            << event.ident << " again, and others have not been told";
      }
    }
    EXPECT_EQ(written, told);
  }
  EXPECT_TRUE(events(kq, 0).empty()) << "all are closed";
  close(kq);
  setrlimit(RLIMIT_NOFILE, &before);
}

}  // namespace
}  // namespace kqueue_tests
