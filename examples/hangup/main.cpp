// SPDX-License-Identifier: Apache-2.0
// Does a daemon notice that its client has died? Clients write a byte and die, run after run, and each
// session says whether its monitor saw it.
//   hangup [--profile NAME] [--descriptors 1|2] [--runs N] [--limit MS] [--at-once N] [--late]
//   hangup --visit SOCKET [--runs N]    only the clients, of a daemon that runs already
#include <cstdio>
#include <cstdlib>
#include <stdexcept>
#include <string>
#include <vector>

#include "clients.hpp"

namespace {

struct Options {
  Setting setting;
  std::vector<std::string> profiles = {"host", "darwin", "darwin-old", "kqueue"};
  std::vector<int> descriptors = {1, 2};
  std::string visited;
};

bool is_profile(const std::string& word) {
  return word == "host" || word == "darwin" || word == "darwin-old" || word == "kqueue";
}

bool parse(int argc, char** argv, Options& options) {
  for (int i = 1; i < argc; i++) {
    const std::string word = argv[i], value = i + 1 < argc ? argv[i + 1] : "";
    const int number = std::atoi(value.c_str());
    i++;
    if (word == "--late") {
      options.setting.late = true;
      i--;
    } else if (word == "--visit" && !value.empty()) {
      options.visited = value;
    } else if (word == "--profile" && is_profile(value)) {
      options.profiles = {value};
    } else if (word == "--descriptors" && (number == 1 || number == 2)) {
      options.descriptors = {number};
    } else if (word == "--runs" && number > 0) {
      options.setting.runs = number;
    } else if (word == "--limit" && number > 0) {
      options.setting.limit = number;
    } else if (word == "--at-once" && number > 0) {
      options.setting.at_once = number;
    } else {
      return false;
    }
  }
  return true;
}

}  // namespace

int main(int argc, char** argv) {
  Options options;
  if (!parse(argc, argv, options)) {
    std::fprintf(stderr,
                 "usage: hangup [--profile host|darwin|darwin-old|kqueue] [--descriptors 1|2] [--runs N]\n"
                 "              [--limit MS] [--at-once N] [--late]\n"
                 "       hangup --visit SOCKET [--runs N]\n");
    return 2;
  }
  try {
    if (!options.visited.empty()) {
      visit(options.visited, options.setting.runs);
      return 0;
    }
    std::printf("%-12s %11s %6s %6s %6s %7s\n", "profile", "descriptors", "runs", "seen", "lost", "early");
    for (const std::string& profile : options.profiles)
      for (const int descriptors : options.descriptors) {
        Setting setting = options.setting;
        setting.profile = profile;
        setting.descriptors = descriptors;
        const Tally tally = measure(setting);
        std::printf("%-12s %11d %6d %6d %6d %7d\n", profile.c_str(), descriptors, tally.runs(), tally.seen,
                    tally.lost, tally.early);
        std::fflush(stdout);
        if (tally.broken != 0) throw std::runtime_error(std::to_string(tally.broken) + " sessions broke");
      }
  } catch (const std::runtime_error& error) {
    std::fprintf(stderr, "hangup: %s\n", error.what());
    return 1;
  }
}
