// SPDX-License-Identifier: Apache-2.0
// What launchd keeps in files and sends over its socket: names, forms, and what is left of what is broken.
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "launchd/frame.hpp"
#include "launchd/job_log.hpp"
#include "launchd/store.hpp"

namespace portolan::launchd {
namespace {

class Files : public testing::Test {
 protected:
  void SetUp() override {
    directory = testing::TempDir() + "/portolan-store-XXXXXX";
    ASSERT_NE(nullptr, mkdtemp(directory.data()));
  }
  void TearDown() override { std::filesystem::remove_all(directory); }
  std::string directory;
};

Value job(const std::string& label) { return Value::dictionary().set("Label", label); }

TEST_F(Files, JobsAreKeptAndForgotten) {
  Store store(directory);
  const std::string labels[] = {"com.example.a", "../..", "with space/and slash", std::string(255, 'x'),
                                ".hidden"};
  for (const std::string& label : labels)
    ASSERT_TRUE(store.keep(label, {job(label), "/f", label == "../.."}));
  std::vector<std::string> unreadable;
  EXPECT_EQ(5u, store.all(unreadable).size());
  for (const Store::Entry& entry : store.all(unreadable)) {
    EXPECT_EQ("/f", entry.file);
    EXPECT_EQ(entry.job.text("Label") == "../..", entry.removing);
  }
  for (const auto& file : std::filesystem::directory_iterator(directory + "/jobs")) {
    struct stat status {};
    ASSERT_EQ(0, stat(file.path().c_str(), &status));
    EXPECT_EQ(0600u, status.st_mode & 0777u);
  }
  for (const std::string& label : labels) store.forget(label);
  EXPECT_TRUE(store.all(unreadable).empty());
  EXPECT_TRUE(unreadable.empty());
  store.tidy();
  EXPECT_FALSE(std::filesystem::exists(directory + "/jobs"));
}

TEST_F(Files, WhatCannotBeReadIsNamed) {
  Store store(directory);
  ASSERT_TRUE(store.keep("a", {job("a"), "", false}));
  std::ofstream(directory + "/jobs/b.plist") << "garbage";
  std::ofstream(directory + "/jobs/c.plist.new") << "half";  // somebody died here
  std::vector<std::string> unreadable;
  EXPECT_EQ(1u, store.all(unreadable).size());
  EXPECT_EQ(std::vector<std::string>{directory + "/jobs/b.plist"}, unreadable);
}

TEST_F(Files, NamesOfFiles) {
  EXPECT_EQ("com.example.a-b_1", escaped("com.example.a-b_1"));
  EXPECT_EQ("%2E%2F.", escaped("./."));
  EXPECT_NE(escaped(std::string(300, '/') + "a"), escaped(std::string(300, '/') + "b"));
  EXPECT_LE(escaped(std::string(255, '/')).size(), 240u);
}

TEST_F(Files, TheLogStaysSmall) {
  JobLog log(directory);
  const std::string line(1000, 'x');
  for (int i = 0; i < 2000; i++) log.say(Level::info, "launchd", line);
  log.say(Level::debug, "launchd", "not written");
  unsigned files = 0;
  for (const auto& file : std::filesystem::directory_iterator(directory)) {
    files++;
    EXPECT_LT(file.file_size(), size_t{JobLog::kMostBytes} + 2000);
  }
  EXPECT_EQ(1u + JobLog::kKept, files);
}

TEST(Frames, PieceByPiece) {
  const std::string bytes = frame(job("a")) + frame(job("b"));
  std::string come;
  std::vector<std::string> labels;
  for (const char byte : bytes) {
    come += byte;
    Value value;
    if (unframe(come, value) == Framed::whole) labels.push_back(value.text("Label"));
  }
  EXPECT_EQ((std::vector<std::string>{"a", "b"}), labels);
  EXPECT_TRUE(come.empty());
}

TEST(Frames, Broken) {
  Value value;
  std::string long_one = "\xff\xff\xff\xff";
  EXPECT_EQ(Framed::broken, unframe(long_one, value));
  std::string garbage = std::string("\x03\0\0\0", 4) + "abc";
  EXPECT_EQ(Framed::broken, unframe(garbage, value));
  std::string array = to_binary(Value::array());
  std::string framed = std::string(1, static_cast<char>(array.size())) + std::string(3, 0) + array;
  EXPECT_EQ(Framed::broken, unframe(framed, value));
}

TEST(Values, ThereAndBack) {
  Value value = Value::dictionary();
  value.set("b", true)
      .set("i", -5)
      .set("r", 1.5)
      .set("s", "text")
      .set("d", Value::Data{std::string("\0\1", 2)});
  value.set("a", Value(Value::Array{Value(1), Value("x"), Value::dictionary()}));
  for (const Value& again : {parse(to_binary(value)), parse(to_xml(value))}) {
    EXPECT_TRUE(again.flag("b"));
    EXPECT_EQ(-5, again.number("i"));
    EXPECT_EQ(1.5, *again.find("R")->real());  // whatever the case
    EXPECT_EQ("text", again.text("s"));
    EXPECT_EQ(2u, again.find("d")->data()->bytes.size());
    EXPECT_EQ(3u, again.find("a")->items()->size());
  }
}

}  // namespace
}  // namespace portolan::launchd
