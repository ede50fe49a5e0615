// SPDX-License-Identifier: Apache-2.0
#include "cli/table.hpp"

#include <algorithm>

#include "inspect/words.hpp"

namespace portolan::cli {

namespace {

std::string padded(const std::string& cell, size_t width, bool right) {
  if (cell.size() >= width) return cell;
  const std::string blanks(width - cell.size(), ' ');
  return right ? blanks + cell : cell + blanks;
}

}  // namespace

std::string Table::text(unsigned width, bool title) const {
  std::vector<size_t> widths(columns_.size());
  std::vector<bool> shown(columns_.size(), true);
  for (size_t c = 0; c < columns_.size(); c++) {
    widths[c] = title ? columns_[c].title.size() : 0;
    for (const Row& row : rows_)
      if (c < row.cells.size()) widths[c] = std::max(widths[c], row.cells[c].size());
  }
  auto total = [&] {
    size_t sum = 0;
    for (size_t c = 0; c < columns_.size(); c++)
      if (shown[c]) sum += widths[c] + (sum == 0 ? 0 : 1);
    return sum;
  };
  while (width != 0 && total() > width) {
    const size_t over = total() - width;
    size_t widest = columns_.size();
    for (size_t c = 0; c < columns_.size(); c++)
      if (shown[c] && columns_[c].shrink != 0 && widths[c] > columns_[c].shrink &&
          (widest == columns_.size() || widths[c] > widths[widest]))
        widest = c;
    if (widest != columns_.size()) {
      widths[widest] =
          std::max<size_t>(columns_[widest].shrink, widths[widest] - std::min(widths[widest], over));
      continue;
    }
    size_t first = columns_.size();
    for (size_t c = 0; c < columns_.size(); c++)
      if (shown[c] && columns_[c].drop != 0 &&
          (first == columns_.size() || columns_[c].drop > columns_[first].drop))
        first = c;
    if (first == columns_.size()) break;
    shown[first] = false;
  }

  std::string text;
  auto add = [&](auto&& cell_of) {
    std::string line;
    bool first = true;
    for (size_t c = 0; c < columns_.size(); c++) {
      if (!shown[c]) continue;
      if (!first) line += ' ';
      first = false;
      line += padded(columns_[c].shrink != 0 ? inspect::cut_middle(cell_of(c), widths[c]) : cell_of(c),
                     widths[c], columns_[c].right);
    }
    line.erase(line.find_last_not_of(' ') + 1);
    text += line + '\n';
  };
  if (title) add([&](size_t c) { return columns_[c].title; });
  for (const Row& row : rows_) {
    if (row.cells.empty())
      text += row.whole + '\n';
    else
      add([&](size_t c) { return c < row.cells.size() ? row.cells[c] : std::string(); });
  }
  return text;
}

}  // namespace portolan::cli
