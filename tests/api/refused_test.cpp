// SPDX-License-Identifier: Apache-2.0
// Misuse that the compiler sees: each refused/*.cpp has to be refused, with a message that matches its line
// `// REFUSED: …`. refused/control.cpp has none, and compiles.
#include <gtest/gtest.h>
#include <stdio.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <regex>
#include <string>
#include <vector>

namespace {

std::vector<std::string> sources() {
  std::vector<std::string> all;
  for (const auto& entry : std::filesystem::directory_iterator(API_REFUSED_DIR))
    all.push_back(entry.path().string());
  std::sort(all.begin(), all.end());
  return all;
}

// What follows `// REFUSED: `; empty if there is no such line.
std::string expected(const std::string& source) {
  static const std::string mark = "// REFUSED: ";
  std::ifstream file(source);
  for (std::string line; std::getline(file, line);) {
    if (line.compare(0, mark.size(), mark) == 0) return line.substr(mark.size());
  }
  return "";
}

// What the compiler says of it, and its exit status.
std::pair<std::string, int> compile(const std::string& source) {
  const std::string command =
      std::string(API_COMPILER) +
      " -std=c++20 -fsyntax-only -Wall -Wextra -Wconversion -Werror -I" API_INCLUDE_DIR " " + source +
      " 2>&1";
  FILE* compiler = popen(command.c_str(), "r");
  std::string said;
  char piece[4096];
  while (const size_t n = fread(piece, 1, sizeof piece, compiler)) said.append(piece, n);
  return {said, pclose(compiler)};
}

class Refused : public testing::TestWithParam<std::string> {};

TEST_P(Refused, ByTheCompiler) {
  const std::string why = expected(GetParam());
  const auto [said, status] = compile(GetParam());
  if (why.empty()) {
    EXPECT_EQ(0, status) << said;
    return;
  }
  EXPECT_NE(0, status) << "is accepted";
  EXPECT_TRUE(std::regex_search(said, std::regex(why)))
      << "expected: " << why << "\nthe compiler said: " << said;
}

INSTANTIATE_TEST_SUITE_P(Api, Refused, testing::ValuesIn(sources()),
                         [](const auto& each) { return std::filesystem::path(each.param).stem().string(); });

}  // namespace
