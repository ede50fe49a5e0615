// SPDX-License-Identifier: Apache-2.0
// Checking a segment: which numbered invariants hold. Reads only, so a copy or a read-only view will do;
// believes nothing that it reads, and never loops for ever on damaged memory. Not on any path: it may use
// memory of its own.
//
// Takes no locks. What it says is certain about a segment that nobody is changing: a copy, or one whose tasks
// sleep.
#pragma once

#include <span>
#include <string>
#include <type_traits>
#include <vector>

#include "segment/segment.hpp"

namespace portolan {

struct Invariant {
  const char* id;
  const char* text;
};

// What was found. Ready to be read by whoever prints it.
struct Report {
  struct Broken {
    const char* id;
    std::string text;
  };
  std::vector<Broken> broken;
  size_t untold = 0;  // found after the list was full

  bool clean() const { return broken.empty(); }
  bool names(const char* id) const;
  std::string text() const;  // a line for each

  // `what` are pieces of text and numbers, said one after the other.
  template <class... Pieces>
  void add(const char* id, const Pieces&... what) {
    if (broken.size() >= kMost) {
      untold++;
      return;
    }
    std::string all;
    (append(all, what), ...);
    broken.push_back({id, std::move(all)});
  }

 private:
  static constexpr size_t kMost = 1000;

  template <class Piece>
  static void append(std::string& text, const Piece& piece) {
    if constexpr (std::is_arithmetic_v<Piece>)
      text += std::to_string(piece);
    else
      text += piece;
  }
};

struct FsckOptions {
  bool quiescent = true;  // nobody is inside a transaction: then S1 and L1 must hold too
};

// What is checked here, for those who count and explain.
std::span<const Invariant> segment_invariants();

// False: so damaged that the layers above cannot be checked.
bool fsck_segment(const Segment& segment, const FsckOptions& options, Report& report);

// Makes a copy of a segment one that nobody is changing: undoes the transactions that were open when it was
// taken and frees their locks. For the owner of a private copy alone.
void undo_open_transactions(Segment& copy);

}  // namespace portolan
