// SPDX-License-Identifier: Apache-2.0
// Tables that fit the terminal: columns as wide as their cells, those that may be cut are cut in the middle,
// and when that is not enough, columns drop in the order in which they were marked.
#pragma once

#include <string>
#include <vector>

namespace portolan::cli {

struct Column {
  std::string title;
  bool right = false;   // numbers
  unsigned shrink = 0;  // may be cut down to this width; 0: never cut
  unsigned drop = 0;    // dropped first where highest; 0: never
};

class Table {
 public:
  explicit Table(std::vector<Column> columns) : columns_(std::move(columns)) {}
  void row(std::vector<std::string> cells) { rows_.push_back({std::move(cells), {}}); }
  // A line of its own between the rows.
  void line(std::string text) { rows_.push_back({{}, std::move(text)}); }
  // `width` 0: nothing is cut. `title`: with the line of titles.
  std::string text(unsigned width, bool title = true) const;

 private:
  struct Row {
    std::vector<std::string> cells;
    std::string whole;
  };
  std::vector<Column> columns_;
  std::vector<Row> rows_;
};

}  // namespace portolan::cli
