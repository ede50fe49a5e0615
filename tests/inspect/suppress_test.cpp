// SPDX-License-Identifier: Apache-2.0
#include "inspect/suppress.hpp"

#include <gtest/gtest.h>
#include <mach/port.h>

namespace portolan::inspect {
namespace {

Stack stack(std::initializer_list<const char*> functions) {
  Stack stack;
  stack.known = true;
  stack.call = "mach_thread_self";
  for (const char* function : functions) {
    Frame frame;
    frame.function = function;
    frame.file = "/src/base/thread_id.cc";
    frame.module = "/opt/browser";
    stack.frames.push_back(frame);
  }
  return stack;
}

std::vector<Suppression> parse(const std::string& text) {
  std::vector<Suppression> all;
  SuppressionError error;
  EXPECT_TRUE(parse_suppressions(text, "file", all, error)) << error.line << ": " << error.problem;
  return all;
}

bool matches(const std::string& text, const Stack& stack, const char* kind = "piled") {
  std::vector<Suppression> all = parse(text);
  return find_suppression(all, {kind, "browser", MACH_PORT_TYPE_SEND, "THREAD-CONTROL", &stack}) != nullptr;
}

TEST(Suppress, AllLinesMustMatch) {
  const Stack seen = stack({"base::CurrentId(int)", "logging::Message::Message()", "main"});
  const std::string block =
      "# a comment\nsuppress \"one port per thread\"\n  kind     piled\n  right    send\n  kobject  "
      "THREAD-CONTROL\n"
      "  stack    base::CurrentId\n           ...\n           logging::*\n";
  EXPECT_TRUE(matches(block, seen));
  EXPECT_FALSE(matches(block, seen, "dead"));
  EXPECT_FALSE(matches(block, stack({"base::Other()", "logging::Message::Message()"})));
  EXPECT_FALSE(matches(block, stack({"base::CurrentId(int)", "main"})));
  EXPECT_TRUE(matches(block, stack({"base::CurrentId(int)", "a", "b", "logging::X()"})));
}

TEST(Suppress, FramesBeyondTheLastGlobDoNotMatter) {
  EXPECT_TRUE(matches("suppress \"x\"\n stack f\n", stack({"f(int)", "g()", "main"})));
  EXPECT_FALSE(matches("suppress \"x\"\n stack g\n", stack({"f(int)", "g()", "main"})));
}

TEST(Suppress, CallAndTask) {
  EXPECT_TRUE(matches("suppress \"x\"\n call mach_*\n task brow*\n", stack({"f"})));
  EXPECT_FALSE(matches("suppress \"x\"\n task renderer\n", stack({"f"})));
}

TEST(Suppress, LeakSanitizersLines) {
  const Stack seen = stack({"base::CurrentId(int)", "main"});
  EXPECT_TRUE(matches("leak:CurrentId\n", seen));
  EXPECT_TRUE(matches("leak:thread_id.cc\n", seen));
  EXPECT_TRUE(matches("leak:opt/brow*r\n", seen));
  EXPECT_TRUE(matches("leak:^base::\n", seen));
  EXPECT_FALSE(matches("leak:^CurrentId\n", seen));
  EXPECT_FALSE(matches("leak:Elsewhere\n", seen));
}

TEST(Suppress, ErrorsNameTheLine) {
  const std::pair<const char*, int> wrong[] = {{"kind piled\n", 1},
                                               {"suppress no quotes\n", 1},
                                               {"suppress \"x\"\n  king piled\n", 2},
                                               {"suppress \"x\"\n  right everything\n", 2},
                                               {"\n\nleak:\n", 3}};
  for (const auto& [text, line] : wrong) {
    std::vector<Suppression> all;
    SuppressionError error;
    EXPECT_FALSE(parse_suppressions(text, "file", all, error)) << text;
    EXPECT_EQ(line, error.line) << text;
    EXPECT_FALSE(error.problem.empty());
  }
}

TEST(Suppress, WhatIsGeneratedSuppressesJustThat) {
  const Stack seen = stack({"base::Vector<int*>::operator[](unsigned long)", "main"});
  const Suspect suspect{"piled", "browser", MACH_PORT_TYPE_SEND, "THREAD-CONTROL", &seen};
  std::vector<Suppression> all = parse(suppression_text(suspect));
  EXPECT_NE(nullptr, find_suppression(all, suspect));
  const Stack other = stack({"base::Vector<int*>::operator(unsigned long)", "main"});
  EXPECT_EQ(nullptr,
            find_suppression(all, {"piled", "browser", MACH_PORT_TYPE_SEND, "THREAD-CONTROL", &other}));
}

TEST(Suppress, FunctionNamesLoseTheirParameters) {
  auto name = [](const char* function) {
    Frame frame;
    frame.function = function;
    return function_name(frame);
  };
  EXPECT_EQ("base::CurrentId", name("base::CurrentId(int, char const*)"));
  EXPECT_EQ("main", name("main"));
  EXPECT_EQ("(anonymous namespace)::f", name("(anonymous namespace)::f(int)"));
  EXPECT_EQ("R::operator()", name("R::operator()(int) const"));
  EXPECT_EQ("g<int>", name("void g<int>(int)"));
  EXPECT_EQ("h", name("h(void (*)(int))"));
}

}  // namespace
}  // namespace portolan::inspect
